"""A night over a real database: decisions, reviews and oversight in; entry, incidents, asset and checks out."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import evals.watch.assets
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.deployment import Deployment
from compliance_assets.review import cases
from compliance_assets.review.incidents import incidents
from compliance_assets.review.oversight import oversee
from evals.watch import store
from evals.watch.assets import prod_traffic_30d
from evals.watch.checks import drift_within_bounds, errors_within_bounds
from evals.watch.nightly import NIGHTLY_EVALUATION, WINDOW, Nightly, evaluate_production, standing_failure
from tests.review.decided import NOW, add_decision, clock

AT_NIGHT = NOW + timedelta(days=1)


def night(deployment: Deployment, at: datetime = AT_NIGHT) -> tuple[Nightly, tuple[str, ...]]:
    return evaluate_production(deployment.postgres, deployment.keyring, lambda: at, "r1", None, 0.005)


def standing(deployment: Deployment) -> tuple[str, ...] | None:
    with deployment.postgres.connect() as conn:
        return standing_failure(conn)


def some_traffic(deployment: Deployment) -> None:
    """Three reviews (right, overridden, rejected), two contested and one accepted of those that nobody reviewed, one unseen."""
    postgres, keyring = deployment.postgres, deployment.keyring
    first, second, third = (add_decision(deployment) for _ in range(3))
    cases.approve(postgres, keyring, clock, first, "officer")
    cases.override(postgres, keyring, clock, second, "officer", "retificadora", "It names a receipt.")
    cases.reject(postgres, keyring, clock, third, "officer", "Quotes another page.")
    unread = add_decision(deployment, decision="not_decided")
    cases.override(postgres, keyring, clock, unread, "officer", "original", "It is plain.")
    for state in ("contested", "contested", "accepted", "flagged"):
        response_id = add_decision(deployment, outcome="decided", reason="")
        oversee(postgres, keyring, clock, response_id, state, "officer", "Looked at it.")
    add_decision(deployment, outcome="decided", reason="", decided_at=NOW - timedelta(days=40))


def test_what_people_made_of_decisions_is_read_with_them(deployment: Deployment) -> None:
    some_traffic(deployment)
    with deployment.postgres.connect() as conn:
        now = store.traffic(conn, AT_NIGHT - WINDOW, AT_NIGHT)
        before = store.traffic(conn, AT_NIGHT - 2 * WINDOW, AT_NIGHT - WINDOW)

    said = sorted((decided.outcome, str(decided.looked)) for decided in now.decisions)
    assert said == [
        ("decided", "None"), ("decided", "right"), ("decided", "wrong"), ("decided", "wrong"),
        ("review", "None"), ("review", "right"), ("review", "wrong"), ("review", "wrong"),
    ]  # fmt: skip
    assert len(before.decisions) == 1


def test_a_night_is_recorded_and_what_does_not_hold_is_one_incident(deployment: Deployment) -> None:
    some_traffic(deployment)
    found, opened = night(deployment)
    again, same = night(deployment)

    assert [finding.code for finding in found.findings] == ["error.unreviewed"]
    assert opened == same
    assert again.state == "failed"
    with deployment.postgres.connect() as conn:
        entries = ledger.entries_of_kind(conn, NIGHTLY_EVALUATION)
        register = incidents(conn)
    assert [ledger.body_of(entry)["findings"] for entry in entries] == [["error.unreviewed"]] * 2
    assert [(one.incident_id, one.kind, one.severity) for one in register] == [
        (opened[0], "production_evaluation", "high")
    ]
    assert standing(deployment) == ("error.unreviewed",)


def test_a_failure_stands_over_nights_that_cannot_judge(deployment: Deployment) -> None:
    assert standing(deployment) is None
    night(deployment)
    assert standing(deployment) is None, "a firm that begins has no traffic, and may promote"
    some_traffic(deployment)
    night(deployment)
    quiet, _ = night(deployment, AT_NIGHT + timedelta(days=200))
    assert quiet.state == "insufficient"
    assert standing(deployment) == ("error.unreviewed",)


def test_the_asset_says_what_was_found_and_the_checks_what_was_crossed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evals.watch.assets, "system_clock", lambda: AT_NIGHT)
    some_traffic(deployment)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [prod_traffic_30d, drift_within_bounds, errors_within_bounds],
            resources={
                "postgres": deployment.postgres,
                "keyring": deployment.keyring,
                "settings": replace(deployment.settings, tracking_uri="http://127.0.0.1:9"),
            },
            instance=instance,
        )
    [event] = result.get_asset_materialization_events()
    said = {name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()}
    assert (said["state"], said["findings"], said["dagster/row_count"]) == ("failed", "error.unreviewed", 8)
    assert "confidence" in str(said["too_little_of"])
    assert Path(str(said["drift_plot"])).read_bytes().startswith(b"\x89PNG")
    assert "receipt" not in str(said), "no word of a reviewer's"
    assert str(said["mlflow_run"]).startswith("not tracked"), "a night stands without MLflow"

    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert (checks["errors_within_bounds"].passed, checks["errors_within_bounds"].severity) == (
        False, dg.AssetCheckSeverity.ERROR,
    )  # fmt: skip
    assert checks["drift_within_bounds"].passed, "nothing that could be compared moved"
