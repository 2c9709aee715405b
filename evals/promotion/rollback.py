"""Rollback: a release that was in production is put back, byte for byte, in one step. It needs no soak, and a name and a reason."""

from collections.abc import Sequence

from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.store import Moved
from evals.promotion.board import require_member
from evals.promotion.control import ChangeControl
from evals.promotion.promote import IntoProduction, mirror
from evals.promotion.refusal import Refused
from evals.promotion.steps import full_id


def rollback(control: ChangeControl, approver: str, rationale: str, to: str | None = None) -> IntoProduction:
    """Put the release before the present one back, or a named one. The files come from the database, held against the manifest.

    Raises Refused, which the ledger keeps, for an approver who is not on the change board and for a release that was never in
    production; InvalidInput for an unknown one.
    """
    by, why = clear_text(approver, "approver"), clear_text(rationale, "rationale")
    keyring = control.desk.keyring
    named = full_id(control, to) if to else None
    with control.step("rollback", named or _serving(control), by) as conn:
        require_member(control.board, by)
        moves = releases.moves(conn, keyring)
        present = moves[-1].release_id if moves else None
        target = named or previous_of(moves)
        if target is None or target not in {moved.release_id for moved in moves} - {present}:
            raise _never_there(target or "no release before the present one", moves)
        release, bundle = releases.kept(conn, target)
        body: dict[str, object] = {"approver": by, "rationale": why}
        entry = releases.move(
            conn, keyring, "release_rolled_back", target, body, by, control.desk.clock(), instead_of=present
        )
    differing = control.differing(release)
    return IntoProduction("release_rolled_back", target, present, entry.seq, mirror(control, target, bundle), differing)


def previous_of(moves: Sequence[Moved]) -> str | None:
    """The release that was in production before the present one came there; of two rollbacks the second goes further back.

    A promotion lies on what was there before, and a rollback takes off whatever lies on the release that it goes back to.
    """
    lying: list[str] = []
    for moved in moves:
        if moved.kind == "release_rolled_back" and moved.release_id in lying:
            del lying[lying.index(moved.release_id) :]
        elif moved.kind == "release_restored":
            continue
        lying.append(moved.release_id)
    return lying[-2] if len(lying) > 1 else None


def _serving(control: ChangeControl) -> str:
    """Whose record an attempt belongs to that names no release."""
    with control.desk.postgres.connect() as conn:
        last = releases.last_move(conn, control.desk.keyring)
    return last.release_id if last else "no release"


def _never_there(target: str, moves: Sequence[Moved]) -> Refused:
    was = list(dict.fromkeys(moved.release_id for moved in moves[:-1] if moved.release_id != moves[-1].release_id))
    return Refused(
        "never_in_production",
        "there is nothing to go back to",
        expected=" or ".join(was) or "a release that was in production before; there was none",
        found=target,
        remedy="`compliance release list` shows what was in production; a candidate is promoted instead.",
    )
