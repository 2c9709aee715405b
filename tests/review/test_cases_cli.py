"""The verbs of review, as typed; in this process, on the test's own organisation."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

import compliance_assets.cli.review  # noqa: F401 - registers the verbs
from compliance_assets.cli.verb import compliance
from compliance_assets.deployment import Deployment
from compliance_assets.review.notifications import Recipients, deliver, enqueue_notification
from tests.review.decided import NOW, QUOTE, add_decision, clock


class Cli:
    """Runs verbs against one deployment."""

    def __init__(self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = deployment.settings
        self.data_dir = str(settings.data_dir)
        monkeypatch.setenv("COMPLIANCE_DATABASE_URL", str(settings.database_url))
        monkeypatch.setenv("COMPLIANCE_ORGANIZATION_ID", settings.organization_id)
        monkeypatch.setenv("COMPLIANCE_EMBEDDER", "hash")
        monkeypatch.setenv("COMPLIANCE_YEARS", "2018-2024")

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(compliance, [*arguments, "--data-dir", self.data_dir])

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self(*arguments, "--json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)


@pytest.fixture
def cli(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Cli:
    return Cli(deployment, monkeypatch)


def test_a_reviewer_lists_reads_and_approves(cli: Cli, deployment: Deployment) -> None:
    held = add_decision(deployment, outcome="quarantined", reason="ungrounded: 0.1 of it")
    add_decision(deployment)

    assert [case["response_id"] for case in cli.json("review", "list", "--queue", "quarantine")] == [held]
    assert len(cli.json("review", "list", "--year", "2021", "--workload", "irpf.triage")) == 2
    assert cli.json("review", "show", held, code=2)["problem"] == "this answer is held in quarantine"
    shown = cli.json("review", "show", held, "--by", "officer")
    assert (shown["why"], shown["case"]["queue"]) == ("ungrounded: 0.1 of it", "quarantine")
    assert shown["envelope"]["citations"][0]["quote"] == QUOTE

    approved = cli.json("review", "approve", held, "--by", "officer")
    assert (approved["state"], approved["signatures"][0]["reviewer"]) == ("approved", "officer")
    assert cli.json("review", "list", "--queue", "quarantine") == []
    assert len(cli.json("review", "list", "--state", "all")) == 2


def test_a_refused_verdict_says_what_was_expected_and_found(cli: Cli, deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    cli.json("review", "reject", response_id, "--by", "officer", "--rationale", "Unreadable.")

    problem = cli.json("review", "approve", response_id, "--by", "second officer", code=2)
    assert set(problem) == {"error", "problem", "expected", "found", "remedy"}
    assert problem["problem"] == "the case is closed: rejected"


@pytest.mark.parametrize(
    "arguments",
    [
        ["approve", "rsp_1"],
        ["reject", "rsp_1", "--by", "officer"],
        ["override", "rsp_1", "--by", "officer", "--rationale", "Why."],
    ],
)
def test_a_verdict_needs_a_name_and_where_it_differs_a_rationale(cli: Cli, arguments: list[str]) -> None:
    done = cli("review", *arguments)
    assert done.exit_code == 2
    assert "Missing option" in done.output


def test_what_a_person_is_shown_has_the_quotes_and_who_signed(cli: Cli, deployment: Deployment) -> None:
    response_id = add_decision(deployment, four_eyes=True)
    waits = cli(
        "review",
        "override",
        response_id,
        "--by",
        "officer [1]",
        "--decision",
        "retificadora",
        "--rationale",
        "It [corrects].",
    )
    assert "1 of 2 signatures" in waits.output
    assert response_id in cli("review", "list").output

    shown = cli("review", "show", response_id).output
    for words in (
        QUOTE,
        "low_confidence: 0.420 is below 0.9",
        "override by officer [1]",
        "retificadora. It [corrects].",
    ):
        assert words in shown


def test_dead_notifications_are_listed_and_redriven(cli: Cli, deployment: Deployment) -> None:
    with deployment.postgres.connect() as conn:
        enqueue_notification(conn, "quarantine_opened", "rsp_1", {"year": 2021}, NOW)
    deliver(deployment.postgres, deployment.keyring, clock, Recipients())

    (dead,) = cli.json("notifications", "--dead")
    assert dead["last_error"] == "nobody is configured to be told of it"
    assert dead["notification_id"] in cli("notifications").output
    assert cli.json("notifications", "--redrive", dead["notification_id"]) == {"queued": dead["notification_id"]}
    assert [row["state"] for row in cli.json("notifications")] == ["queued"]
    assert cli.json("notifications", "--redrive", "ntf_1", code=2)["problem"] == "no such dead notification"
    assert cli("notifications", "--dead", "--redrive", "ntf_1").exit_code == 2
