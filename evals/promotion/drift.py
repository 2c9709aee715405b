"""Drift of the pointer: a row or an alias that somebody moved by hand is put back to what the ledger says, and is an incident."""

from dataclasses import dataclass

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.review.incidents import open_incident
from evals.promotion.control import ChangeControl
from evals.tracking.prompts import expected_aliases, mirror_production
from resources.tracking import Tracking

ACTOR = "pointer_drift"
POINTER_MOVED = "pointer_moved"


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that was not where the ledger says: `what`, where it should stand and where it stood, and whether it was put
    back.
    """

    what: str
    expected: str
    found: str
    put_back: bool
    incident_id: str


def look_and_put_back(control: ChangeControl) -> tuple[Drift, ...]:
    """Hold the pointer against the ledger, and MLflow's aliases against the pointer."""
    moved = _pointer(control)
    if control.tracking is None or (moved and not moved.put_back):
        return (moved,) if moved else ()
    return tuple(drift for drift in (moved, _aliases(control, control.tracking)) if drift is not None)


def _pointer(control: ChangeControl) -> Drift | None:
    keyring = control.desk.keyring
    try:
        with control.desk.postgres.connect() as conn:
            row, last = releases.in_production(conn), releases.last_move(conn, keyring)
    except IntegrityError as problem:  # an entry that nobody with the key wrote: there is nothing to go back to by it
        return _incident(control, "release entry", problem.expected, problem.found, put_back=False)
    recorded = (last.release_id, last.seq) if last else None
    if row == recorded:
        return None
    said = [f"{one[0]} by entry {one[1]}" if one else "none" for one in (recorded, row)]
    if last is None:
        return _incident(control, "production_release", *said, put_back=False)
    with control.desk.postgres.connect() as conn:
        body: dict[str, object] = {"found": row[0] if row else None, "found_seq": row[1] if row else None}
        releases.move(
            conn, keyring, "release_restored", last.release_id, body, ACTOR, control.desk.clock(),
            instead_of=last.release_id,
        )  # fmt: skip
    return _incident(control, "production_release", *said, put_back=True)


def _aliases(control: ChangeControl, tracking: Tracking) -> Drift | None:
    """A mirror that is away shows nothing wrong."""
    with control.desk.postgres.connect() as conn:
        production = releases.production(conn, control.desk.keyring)
    if production is None:
        return None
    expected = expected_aliases(production.bundle)
    try:
        found = tracking.aliases()
        if found == expected:
            return None
        mirror_production(tracking, production.release.release_id, production.bundle)
    except DependencyUnavailable:
        return None
    if not found:  # nothing was mirrored yet: nobody moved anything
        return None
    names = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    said = [", ".join(f"{name} {aliases.get(name, 'nowhere')[:16]}" for name in names) for aliases in (expected, found)]
    return _incident(control, "MLflow alias", *said, put_back=True)


def _incident(control: ChangeControl, what: str, expected: str, found: str, *, put_back: bool) -> Drift:
    summary = f"{what} was not where the ledger says{', and was put back' if put_back else ''}"
    detail: dict[str, object] = {"what": what, "expected": expected, "found": found, "put_back": put_back}
    incident_id = open_incident(
        control.desk.postgres, control.desk.keyring, control.desk.clock, POINTER_MOVED, "critical", summary, detail, ACTOR,
        fingerprint=f"{what}:{expected}:{found}",
    )  # fmt: skip
    return Drift(what, expected, found, put_back, incident_id)
