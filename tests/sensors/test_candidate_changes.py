"""The sensor, tick by tick, on files of its own and a real pointer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.releases.serving import served
from sensors.candidate_changes import candidate_changes


class Watched:
    """A deployment whose router map and policy are files of the test's own."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance, folder: Path) -> None:
        self.routes, self.policies = folder / "routes.json", folder / "policies"
        self.route_to("local/irpf-v1")
        for path in POLICIES.rglob("*"):
            if path.is_file():
                kept = self.policies / path.relative_to(POLICIES)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(path.read_bytes())
        settings = replace(deployment.settings, policy_folder=self.policies, router_map=self.routes)
        self.deployment, self.instance = Deployment(settings), instance
        self.cursor: str | None = None

    def route_to(self, model: str) -> None:
        flags = '{"require_citations": true}'
        self.routes.write_text(
            f'{{"schema_version": "1", "routes": {{"irpf.triage": {{"primary": "{model}", "fallbacks": [],'
            f' "max_context": null, "temperature": 0.0, "flags": {flags}}}}}}}',
            encoding="utf-8",
        )

    def promote(self) -> None:
        """What stands here comes into production, as a deployment's first release does."""
        with self.deployment.postgres.connect() as conn:
            served(self.deployment.desk, conn)

    def tick(self) -> str:
        """`run`, or why there is none."""
        resources = {name: self.deployment.resources()[name] for name in ("postgres", "keyring", "settings")}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            result = candidate_changes(context)
            self.cursor = result.cursor if isinstance(result, dg.SensorResult) else context.cursor
        if isinstance(result, dg.SkipReason):
            return str(result.skip_message)
        assert isinstance(result, dg.SensorResult)
        [request] = result.run_requests or ()
        assert request.run_key is None
        return "run"


@pytest.fixture
def watched(deployment: Deployment, tmp_path: Path) -> Iterator[Watched]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watched(deployment, instance, tmp_path)


UNCHANGED = "Nothing changed since the last look."


def test_a_change_is_evaluated_once_and_again_when_it_comes_back(watched: Watched) -> None:
    assert "Nothing is in production yet" in watched.tick()
    watched.promote()
    assert watched.tick() == "What stands here is what is in production."
    assert watched.tick() == UNCHANGED

    rule = watched.policies / "compliance" / "decision.rego"
    shipped = rule.read_bytes()
    rule.write_bytes(shipped + b"\n# stricter\n")
    assert watched.tick() == "run"
    assert watched.tick() == UNCHANGED

    rule.write_bytes(shipped)
    assert watched.tick() == "What stands here is what is in production."
    rule.write_bytes(shipped + b"\n# stricter\n")
    assert watched.tick() == "run", "it is asked for again: the cache answers"


def test_another_route_is_a_change_and_a_broken_file_is_none(watched: Watched) -> None:
    watched.promote()
    watched.tick()
    good = watched.routes.read_bytes()
    watched.routes.write_text("{", encoding="utf-8")
    assert watched.tick().startswith("What stands here is no candidate: ")
    watched.routes.write_bytes(good)
    assert watched.tick() == UNCHANGED
    watched.route_to("local/extractive-v1")
    assert watched.tick() == "run"


def test_the_sensor_starts_only_when_a_deployment_starts_it() -> None:
    assert candidate_changes.default_status is dg.DefaultSensorStatus.STOPPED
