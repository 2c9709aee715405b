from datetime import timedelta

from compliance_assets.deployment import Deployment
from compliance_assets.review.cases import approve, override
from compliance_assets.review.oversight import oversee
from evals.gate.reviewed_decisions import reviewed_since
from evals.gate.threshold_tuning import Reviewed
from tests.review.decided import NOW, add_decision, clock


def look(deployment: Deployment, response_id: str, state: str) -> None:
    oversee(deployment.postgres, deployment.keyring, clock, response_id, state, "officer", "")


def test_closed_cases_and_oversight_of_what_nobody_had_seen_are_what_persons_made_of_decisions(
    deployment: Deployment,
) -> None:
    right, wrong, looked_at = add_decision(deployment), add_decision(deployment), add_decision(deployment)
    add_decision(deployment)  # waits
    silent = [add_decision(deployment, outcome="decided", reason="") for _ in range(3)]  # the third is not looked at
    approve(deployment.postgres, deployment.keyring, clock, right, "officer", "")
    override(deployment.postgres, deployment.keyring, clock, wrong, "officer", "retificadora", "It says so.")
    look(deployment, looked_at, "contested")  # its case waits all the same
    look(deployment, silent[0], "contested")
    look(deployment, silent[1], "accepted")

    with deployment.postgres.connect() as conn:
        (release_id,) = conn.execute("SELECT DISTINCT release_id FROM compliance.decisions").fetchone() or ("",)
        found = reviewed_since(conn, "irpf.triage", release_id, NOW)
        later = reviewed_since(conn, "irpf.triage", release_id, NOW + timedelta(seconds=1))
        of_others = [
            *reviewed_since(conn, "irpf.triage", "0" * 64, NOW),
            *reviewed_since(conn, "soa.draft", release_id, NOW),
        ]

    assert sorted(found, key=str) == sorted(
        [
            Reviewed(0.42, "low_confidence", "approved"),
            Reviewed(0.42, "low_confidence", "overridden"),
            Reviewed(0.42, None, "contested"),
            Reviewed(0.42, None, "accepted"),
        ],
        key=str,
    )
    assert later == of_others == []
