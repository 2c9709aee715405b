"""Sessions, and what their user is told when the server is not there."""

from typing import LiteralString

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from evals.scratch_deployment import scratch_deployment
from resources import postgres as postgres_module
from resources.embedded_postgres import EmbeddedPostgres
from resources.postgres import Connection


def cut_off(deployment: Deployment, conn: Connection) -> None:
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])


def use(deployment: Deployment, *after_the_cut: LiteralString) -> None:
    """A session that is cut off after its first statement."""
    with deployment.postgres.connect() as conn:
        conn.execute("SELECT 1")
        cut_off(deployment, conn)
        for statement in after_the_cut:
            conn.execute(statement)


@pytest.mark.parametrize("after_the_cut", [["SELECT 1"], []], ids=["in a statement", "in the commit"])
def test_a_session_that_is_cut_off_says_what_to_do(deployment: Deployment, after_the_cut: list[LiteralString]) -> None:
    with pytest.raises(DependencyUnavailable, match=r"went away.*Run the same command again"):
        use(deployment, *after_the_cut)


def test_an_embedded_server_that_was_stopped_under_its_user_stays_down_and_the_user_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_module, "CONNECT_PATIENCE_SECONDS", 0.1)
    with scratch_deployment() as deployment:
        EmbeddedPostgres(deployment.settings.data_dir).stop()
        with pytest.raises(DependencyUnavailable, match="compliance up"), deployment.postgres.connect():
            pass
        assert deployment.postgres.embedded
        assert not deployment.postgres.embedded.runs
