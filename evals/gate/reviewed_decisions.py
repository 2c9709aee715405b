"""What persons made of the decisions of a release, from the database: its cases that were closed, and its oversight."""

from datetime import datetime

from compliance_assets.review import case_store, store
from evals.gate.threshold_tuning import Reviewed
from resources.postgres import Connection


def reviewed_since(conn: Connection, workload: str, release_id: str, since: datetime) -> list[Reviewed]:
    """Decisions under a workload of a release that a person looked at since a moment. Other releases had other confidences."""
    closed = [
        Reviewed(confidence, reason, outcome)
        for _, _, _, release, outcome, _, _, confidence, reason, reviewed_at in case_store.training_rows(conn, workload)
        if release == release_id and reviewed_at >= since
    ]
    overseen = [
        Reviewed(confidence, None, state)
        for confidence, state in store.overseen_decisions(conn, workload, release_id, since)
    ]
    return closed + overseen
