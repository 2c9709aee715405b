"""Checks of `promotion_receipt` and `production_release`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.contracts.errors import ComplianceError, IntegrityError
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.review.cases import same_person
from evals.promotion import store
from evals.promotion.board import APPROVERS
from evals.promotion.control import ChangeControl
from evals.promotion.receipt import PromotionReceipt, opened
from evals.promotion.soak import is_enough
from resources.postgres import Connection


@dg.asset_check(asset=keys.PROMOTION_RECEIPT, blocking=True)
def receipt_signature_valid(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """The newest receipt of every candidate is signed with this deployment's key, and is the one that the ledger names."""
    problems: dict[str, str] = {}
    with change_control.desk.postgres.connect() as conn:
        ids = store.candidates(conn)
        for release_id in ids:
            try:
                store.receipt_of(conn, store.candidacy(conn, change_control.desk.keyring, release_id))
            except IntegrityError as problem:
                problems[release_id] = problem.problem
    return dg.AssetCheckResult(
        passed=not problems,
        metadata={
            "receipts": len(ids),
            "astray": "; ".join(f"{release_id[:12]}: {why}" for release_id, why in problems.items()) or "none",
        },
    )


@dg.asset_check(asset=keys.PRODUCTION_RELEASE, blocking=True)
def pointer_agrees_with_ledger(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """The row that says what serves, the newest move in the ledger, and the files that are kept of that release agree."""
    try:
        with change_control.desk.postgres.connect() as conn:
            production = releases.production(conn, change_control.desk.keyring)
    except IntegrityError as problem:
        return dg.AssetCheckResult(passed=False, metadata={"expected": problem.expected, "found": problem.found})
    return dg.AssetCheckResult(
        passed=True, metadata={"release_id": production.release.release_id if production else "none"}
    )


@dg.asset_check(asset=keys.PRODUCTION_RELEASE, blocking=True)
def two_approvers(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """Two different persons approved what was promoted last, neither of them its author; the receipt of that is signed."""
    try:
        with change_control.desk.postgres.connect() as conn:
            receipt = _last_promotion(conn, change_control)
    except ComplianceError as problem:
        return dg.AssetCheckResult(passed=False, metadata={"problem": str(problem)})
    if receipt is None:
        return dg.AssetCheckResult(passed=True, metadata={"approvers": "nothing was promoted yet"})
    first, second, *_ = (*receipt.approvers, "", "")
    own = [name for name in receipt.approvers if any(same_person(name, author) for author in receipt.authors)]
    return dg.AssetCheckResult(
        passed=len(receipt.approvers) >= APPROVERS and not same_person(first, second) and not own,
        metadata={"approvers": ", ".join(receipt.approvers), "authors": ", ".join(receipt.authors)},
    )


@dg.asset_check(asset=keys.PRODUCTION_RELEASE)
def soak_complete(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """What was promoted last had soaked to the end (an error otherwise), and so has every candidate that is staged (a warning)."""
    keyring = change_control.desk.keyring
    with change_control.desk.postgres.connect() as conn:
        soaking = [
            f"{found.release_id[:12]}: {found.staging.soak.wording}"
            for found in store.staged(conn, keyring)
            if found.staging and not found.staging.soak.complete
        ]
        receipt = _last_promotion(conn, change_control)
    short = receipt is not None and not is_enough(receipt.soak.credited_seconds, receipt.soak.shadow_decisions)
    return dg.AssetCheckResult(
        passed=not short and not soaking,
        severity=dg.AssetCheckSeverity.ERROR if short else dg.AssetCheckSeverity.WARN,
        metadata={
            "soaking": "; ".join(soaking) or "none",
            "promoted_with_hours": round(receipt.soak.credited_seconds / 3600, 1) if receipt else "none promoted",
        },
    )


def _last_promotion(conn: Connection, control: ChangeControl) -> PromotionReceipt | None:
    """The receipt in the newest entry that promoted a release. Raises IntegrityError where it does not hold."""
    entries = ledger.last_of_kinds(conn, ["release_promoted"])
    for entry in releases.held(conn, control.desk.keyring, entries):
        return opened(str(ledger.body_of(entry)["promotion_receipt"]), store.verifiers(conn), PromotionReceipt)
    return None
