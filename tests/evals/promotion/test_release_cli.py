"""The verbs of a release, as typed; in this process, under the clocks as they are."""

import dataclasses
import json
from typing import Any

import pytest
from click.testing import CliRunner

import compliance_assets.cli.main  # noqa: F401 - registers the verbs
from compliance_assets.cli.verb import compliance
from compliance_assets.deployment import Deployment
from evals.gate.sets import WHOLE
from tests.evals.promotion.scene import ANA, AUTHOR, BIA, BOARD, Scene


class Cli:
    """Runs verbs against one deployment with a change board."""

    def __init__(self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = deployment.settings
        self.data_dir = str(settings.data_dir)
        monkeypatch.setenv("COMPLIANCE_DATABASE_URL", str(settings.database_url))
        monkeypatch.setenv("COMPLIANCE_ORGANIZATION_ID", settings.organization_id)
        monkeypatch.setenv("COMPLIANCE_EMBEDDER", "hash")
        monkeypatch.setenv("COMPLIANCE_YEARS", "2018-2024")
        monkeypatch.setenv("COMPLIANCE_CHANGE_BOARD", ", ".join((*BOARD, AUTHOR)))

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(compliance, [*arguments, "--data-dir", self.data_dir, "--json"])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def text(self, *arguments: str) -> str:
        return CliRunner().invoke(compliance, [*arguments, "--data-dir", self.data_dir]).output


@pytest.fixture
def cli(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(deployment, monkeypatch)


@pytest.fixture
def candidate(deployment: Deployment) -> str:
    """A release that passed the gate just now."""
    scene = Scene(deployment)
    scene.control = dataclasses.replace(deployment.change_control, sets=WHOLE)
    receipt = scene.evaluated(scene.changed("Seja breve."), calibration_set=WHOLE.calibration_digest)
    return receipt.release_id


def test_a_candidate_is_listed_staged_approved_and_shown_and_waits_for_its_soak(cli: Cli, candidate: str) -> None:
    assert [row["state"] for row in cli.json("release", "list")] == ["in production", "passed"]
    short = candidate[:12]
    assert cli.json("release", "stage", short, "--author", AUTHOR)["authors"] == [AUTHOR]
    assert cli.json("release", "approve", short, "--approver", ANA) == {"approvers": [ANA], "needed": 2}
    own = cli.json("release", "approve", short, "--approver", AUTHOR, code=1)
    assert (own["error"], own["problem"]) == ("Refused", "nobody approves a change of their own")
    assert cli.json("release", "approve", short, "--approver", BIA)["approvers"] == [ANA, BIA]

    waits = cli.json("promote", short, "--by", "release manager", code=1)
    assert waits["problem"] == "the release has not soaked long enough"
    assert waits["found"].startswith("0.0 of 72 hours, 0 shadow decisions")
    shown = cli.json("release", "show", short)
    assert (shown["state"], [r["why"] for r in shown["refusals"]]) == ("soaking", ["own_change", "soak_incomplete"])
    told = cli.text("release", "show", short)
    assert "soak_incomplete" in told
    assert "prompts/irpf.triage" in told
    assert candidate[:12] in cli.text("release", "list")


def test_what_was_never_in_production_is_nothing_to_go_back_to(cli: Cli, candidate: str) -> None:
    before = cli.json("rollback", "--approver", ANA, "--rationale", "It errs.", code=1)
    assert before["problem"] == "there is nothing to go back to"
    named = cli.json("rollback", "--to", candidate, "--approver", ANA, "--rationale", "It errs.", code=1)
    assert named["found"] == candidate
    assert cli.json("promote", "feedfeed", code=2)["problem"] == "unknown release"
