"""What stands beside the working tree's files: the release in production, and the newest verdict on them."""

from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from evals.gate.gate import Verdict
from evals.promotion import store
from evals.promotion.control import ChangeControl


def serving_bundle(control: ChangeControl) -> ReleaseBundle | None:
    """The files of the release in production, None before the first. Raises IntegrityError where the pointer was moved by hand."""
    with control.desk.postgres.connect() as conn:
        production = releases.production(conn, control.desk.keyring)
    return production.bundle if production else None


def newest_verdict(control: ChangeControl) -> Verdict | None:
    """That of the working tree's newest receipt, None without one. Raises IntegrityError where the receipt does not hold."""
    with control.desk.postgres.connect() as conn:
        candidacy = store.candidacy(conn, control.desk.keyring, control.candidate().release_id)
        return store.receipt_of(conn, candidacy).verdict if candidacy.receipt else None
