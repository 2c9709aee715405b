"""`compliance eval run` and `eval diff`, on small sets."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compliance_assets.cli.main import main
from compliance_assets.deployment import Deployment
from evals.promotion.control import ChangeControl
from tests.evals.gate.few import few

CANDIDATES = Path(__file__).parents[1] / "evals" / "gate" / "candidates"

Run = Callable[..., Result]


@pytest.fixture
def run(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command over the test's deployment, with every sixteenth filing."""
    settings = deployment.settings
    small = partial(ChangeControl, sets=few(tmp_path, stride=16, generated=8))
    monkeypatch.setattr("compliance_assets.deployment.ChangeControl", small)
    monkeypatch.setenv("COMPLIANCE_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("COMPLIANCE_ORGANIZATION_ID", settings.organization_id)
    monkeypatch.setenv("COMPLIANCE_EMBEDDER", settings.embedder)
    monkeypatch.setenv("COMPLIANCE_YEARS", "2018-2024")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["eval", *arguments, "--data-dir", str(settings.data_dir), "--json"])

    return invoke


def test_an_evaluation_is_reported_with_its_receipt_and_found_again_unchanged(run: Run) -> None:
    first, second = run("run"), run("run")

    assert first.exit_code == 1, "so few filings hold no bound"
    found = json.loads(first.stdout)
    assert "auto_decided_error" in {row["score"] for row in found["against"]}
    assert json.loads(second.stdout) == found


def test_a_worse_prompt_is_blocked_with_its_cases_and_named_beside_what_is_shipped(run: Run) -> None:
    worse = str(CANDIDATES / "without-the-citation-demand")
    found = json.loads(run("run", "--candidate", worse).stdout)

    assert not found["passed"]
    assert ("floor", "citations_hold", "all") in {(row["rule"], row["score"], row["class"]) for row in found["against"]}
    assert found["cases"]
    changed = json.loads(run("diff", "worktree", worse).stdout)["changed"]
    assert {"golden-000"} <= {row["filing"] for row in changed}
    assert json.loads(run("diff", "worktree", "worktree").stdout)["changed"] == []


def test_a_folder_that_is_none_and_a_release_that_nobody_knows_are_wrong_use(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    for arguments in (
        ("run", "--candidate", str(tmp_path / "nowhere")),
        ("run", "--candidate", str(tmp_path / "empty")),
        ("diff", "worktree", "0123456789"),
        ("diff", "production", "worktree"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 2, (arguments, refused.output)
        assert json.loads(refused.stdout)["error"] == "InvalidInput"
