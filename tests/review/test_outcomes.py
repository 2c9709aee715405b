"""Figures of what persons made of decisions; the assets and the check over them."""

from datetime import timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.deployment import Deployment
from compliance_assets.review import cases
from compliance_assets.review.assets import review_outcomes, review_queue
from compliance_assets.review.checks import no_case_waits_too_long
from compliance_assets.review.outcomes import Agreement, Reviewed, agreement_by, agreement_of, confidence_band
from resources.clock import system_clock
from tests.review.decided import NOW, add_decision, clock

REVIEWED = st.builds(
    Reviewed,
    workload=st.sampled_from(["irpf.triage", "soa.draft"]),
    reason=st.sampled_from(["low_confidence", "ungrounded"]),
    tenth=st.integers(0, 9),
    outcome=st.sampled_from(["approved", "rejected", "overridden"]),
    reviews=st.integers(1, 1000),
)


def test_agreement_is_the_share_that_was_approved() -> None:
    counts = [
        Reviewed("w", "r", 4, "approved", 6),
        Reviewed("w", "r", 4, "overridden", 3),
        Reviewed("w", "r", 9, "rejected", 1),
    ]

    every = agreement_of(counts)
    assert (every.reviewed, every.share) == (10, 0.6)
    assert every.as_row()["agreement"] == "60.0%"
    assert [(a.group, a.share) for a in agreement_by(counts, confidence_band)] == [
        ("0.4 to 0.5", pytest.approx(2 / 3)),
        ("0.9 to 1.0", 0.0),
    ]


def test_of_nothing_there_is_no_share() -> None:
    assert agreement_of([]) == Agreement("all", 0, 0, 0, 0)
    assert agreement_of([]).share is None


@given(st.lists(REVIEWED))
def test_groups_add_up_to_everything(counts: list[Reviewed]) -> None:
    groups = agreement_by(counts, lambda reviewed: reviewed.workload)
    assert sum(group.reviewed for group in groups) == agreement_of(counts).reviewed == sum(c.reviews for c in counts)
    assert all(group.approved + group.overridden + group.rejected == group.reviewed for group in groups)


def materialised(deployment: Deployment) -> dict[str, dict[str, object]]:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [review_queue, review_outcomes], resources={"postgres": deployment.postgres}, instance=instance
        )
    events = (event.step_materialization_data.materialization for event in result.get_asset_materialization_events())
    return {e.asset_key.to_user_string(): {k: v.value for k, v in e.metadata.items()} for e in events}


def test_the_assets_report_what_waits_and_what_came_of_it(deployment: Deployment) -> None:
    first, second, _ = add_decision(deployment), add_decision(deployment), add_decision(deployment)
    add_decision(deployment, outcome="quarantined", reason="ungrounded: 0.1 of it")
    cases.approve(deployment.postgres, deployment.keyring, clock, first, "officer")
    cases.reject(deployment.postgres, deployment.keyring, clock, second, "officer", "Quotes another page.")

    found = materialised(deployment)
    queue, outcomes = found["review_queue"], found["review_outcomes"]
    assert (queue["dagster/row_count"], queue["in_review"], queue["in_quarantine"]) == (2, 1, 1)
    assert (outcomes["dagster/row_count"], outcomes["approved"], outcomes["agreement"]) == (2, 1, 0.5)
    latest = outcomes["latest"]
    assert isinstance(latest, dg.TableMetadataValue)
    assert [row.data["response_id"] for row in latest.records] == sorted([first, second])
    assert "another page" not in str(found)


def test_with_nothing_reviewed_the_assets_say_so(deployment: Deployment) -> None:
    found = materialised(deployment)
    assert found["review_queue"]["oldest_hours"] == 0.0
    assert found["review_outcomes"]["agreement"] == "none yet"


@pytest.mark.parametrize(
    ("outcome", "waits", "passes"),
    [
        ("review", timedelta(days=6), True),
        ("review", timedelta(days=8), False),
        ("quarantined", timedelta(hours=23), True),
        ("quarantined", timedelta(hours=25), False),
    ],
)
def test_a_case_that_waits_too_long_is_a_warning(
    deployment: Deployment, outcome: str, waits: timedelta, passes: bool
) -> None:
    add_decision(deployment, outcome=outcome, decided_at=system_clock() - waits)
    closed = add_decision(deployment, outcome=outcome, decided_at=NOW - timedelta(days=100))
    cases.approve(deployment.postgres, deployment.keyring, clock, closed, "officer")

    result = no_case_waits_too_long(deployment.postgres)
    assert isinstance(result, dg.AssetCheckResult)
    assert (result.passed, result.severity) == (passes, dg.AssetCheckSeverity.WARN)
