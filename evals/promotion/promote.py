"""Promotion: everything that lets a release into production is verified where the pointer moves, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.checkpoints import named_signer
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.router_map import approval_of
from compliance_assets.model_decisions.router_store import approvals
from evals.promotion import store
from evals.promotion.board import require_approved
from evals.promotion.candidacy import Staging
from evals.promotion.control import ChangeControl
from evals.promotion.receipt import PromotionReceipt, Soaked, Today
from evals.promotion.refusal import Refused
from evals.promotion.soak import FEWEST_SHADOW_DECISIONS, SOAK_SECONDS
from evals.promotion.steps import ACTOR, full_id, require_receipt, require_staged
from evals.promotion.window import Window, is_open, next_opening
from evals.tracking.prompts import mirror_production
from evals.watch.nightly import NIGHTLY_EVALUATION, standing_failure
from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class IntoProduction:
    """A move of the pointer by entry `seq`. `not_mirrored`: why MLflow does not show it yet, None where it does or is not asked.
    `runs_otherwise`: what has to run for the release and does not: part -> (what it pins, what runs).
    """

    kind: releases.Move
    release_id: str
    instead_of: str | None
    seq: int
    not_mirrored: str | None
    runs_otherwise: dict[str, tuple[str, str]]
    receipt: PromotionReceipt | None = None


def promote(control: ChangeControl, release_id: str, actor: str = ACTOR) -> IntoProduction:
    """Put a candidate into production. Raises Refused, which the ledger keeps, where any rule is not kept."""
    full = full_id(control, release_id)
    with control.step("promote", full, actor) as conn:
        today = control.today(conn)
        receipt = _permitted(control, conn, full, today)
        sealed = receipt.sealed(named_signer(conn, control.desk.keyring))
        release, bundle = releases.kept(conn, full)
        body: dict[str, object] = {
            "receipt_digest": receipt.receipt_digest,
            "promotion_receipt": sealed,
            "approvers": list(receipt.approvers),
            "authors": list(receipt.authors),
        }
        entry = releases.move(
            conn, control.desk.keyring, "release_promoted", full, body, actor, today.at, instead_of=today.baseline
        )
    not_mirrored = mirror(control, full, bundle)
    differing = control.differing(release)
    return IntoProduction("release_promoted", full, today.baseline, entry.seq, not_mirrored, differing, receipt)


def mirror(control: ChangeControl, release_id: str, bundle: ReleaseBundle) -> str | None:
    """Show the release in MLflow; why it could not be shown, None where it is or where nothing mirrors."""
    if control.tracking is None:
        return None
    try:
        mirror_production(control.tracking, release_id, bundle)
    except DependencyUnavailable as problem:
        return problem.found
    return None


# ── what is verified ─────────────────────────────────────────────────────────────────────────────────────────────────


def _permitted(control: ChangeControl, conn: Connection, release_id: str, today: Today) -> PromotionReceipt:
    """Why the release may be promoted now. Raises Refused."""
    found = store.candidacy(conn, control.desk.keyring, release_id)
    if today.baseline == release_id:
        raise Refused(
            "in_production_already",
            "the release is in production",
            expected="another release than the one in production",
            found=release_id,
            remedy="Nothing is to be done.",
        )
    staging = require_staged(found)
    receipt = require_receipt(control, conn, found, today, staging.receipt_digest)
    require_approved(control.board, staging.authors, staging.approvers)
    _require_soaked(staging)
    _require_open(control.windows, control.window, today.at)
    _require_routes_approved(conn, releases.kept(conn, release_id)[1])
    _require_nights_passed(control, conn)
    soak = staging.soak
    return PromotionReceipt(
        release_id=release_id,
        receipt_digest=receipt.digest,
        baseline=today.baseline,
        authors=staging.authors,
        approvers=staging.approvers,
        soak=Soaked(
            credited_seconds=soak.credited_seconds,
            observations=soak.observations,
            shadow_decisions=soak.shadow,
            differing=soak.differing,
        ),
        window=control.window,
        promoted_at=today.at,
    )


def _require_soaked(staging: Staging) -> None:
    soak = staging.soak
    if not soak.complete:
        raise Refused(
            "soak_incomplete",
            "the release has not soaked long enough",
            expected=f"{SOAK_SECONDS / 3600:.0f} hours of observation and {FEWEST_SHADOW_DECISIONS} shadow decisions",
            found=soak.wording,
            remedy="Let the schedule shadow_decisions_hourly run; no clock that is set makes it shorter.",
        )


def _require_open(windows: Sequence[Window], wording: str, at: datetime) -> None:
    if not is_open(tuple(windows), at):
        opening = next_opening(tuple(windows), at)
        raise Refused(
            "outside_window",
            "releases are not promoted at this time",
            expected=wording,
            found=at.isoformat(timespec="minutes"),
            remedy=f"Promote it from {opening.isoformat(timespec='minutes')} on." if opening else "Correct the window.",
        )


def _require_routes_approved(conn: Connection, bundle: ReleaseBundle) -> None:
    if approval_of(bundle.router_map, approvals(conn)) is None:
        raise Refused(
            "router_map_not_approved",
            "nobody answers for the release's router map",
            expected=f"an approval of {bundle.router_map.digest}",
            found="none",
            remedy="Have a person approve it: `compliance router approve --approver NAME`.",
        )


def _require_nights_passed(control: ChangeControl, conn: Connection) -> None:
    nights = ledger.entries_of_kind(conn, NIGHTLY_EVALUATION)
    for _ in releases.held(conn, control.desk.keyring, nights):
        pass  # each was written by who has the key
    failing = standing_failure(conn)
    if failing is not None:
        raise Refused(
            "nightly_failing",
            "the nightly evaluation of what is in production fails",
            expected="a last nightly evaluation that passed",
            found=", ".join(failing) or "one that failed",
            remedy="Roll back, or mend what it found and let it run again; then promote.",
        )
