"""Shadow decisions: what was really decided is decided again by the candidates that soak, and only what differs is kept.

Nothing of it is a decision: the candidate reads the world as it is in a transaction that is undone, and the ledger keeps counts
and the ids of the real decisions that came out otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.model_decisions.decide import Decision
from compliance_assets.model_decisions.drain import rehearsed
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.work import WorkItem, work_item
from evals.promotion import store
from evals.promotion.candidacy import OBSERVED, Candidacy, Staging
from evals.promotion.control import ChangeControl
from evals.promotion.soak import Observation, Soak, sample_of
from resources.keyring import Keyring
from resources.postgres import Connection

ACTOR = "shadow_decisions"
PARTS = ("decision", "outcome", "fields")


@dataclass(frozen=True, slots=True)
class Real:
    """A decision that was really made: what was asked, and what came of it."""

    response_id: str
    item: WorkItem
    outcome: str
    decision: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """What deciding again came to, as an `Observation` has it. `where`: what differs -> in how many decisions."""

    through: int
    decided: int
    shadow: int
    differing: tuple[str, ...]
    unanswered: int
    where: dict[str, int]


@dataclass(frozen=True, slots=True)
class Observed:
    """A candidate after a look at it."""

    release_id: str
    seen: Observation
    soak: Soak


def observe_all(control: ChangeControl) -> list[Observed]:
    """Look at every candidate that soaks."""
    with control.desk.postgres.connect() as conn:
        soaking = store.staged(conn, control.desk.keyring)
    return [seen for candidate in soaking if (seen := observe(control, candidate)) is not None]


def observe(
    control: ChangeControl, candidate: Candidacy, looking: Callable[[ChangeControl, str, Staging], Look] | None = None
) -> Observed | None:
    """Decide again what was decided since the last look, then record the look. None where another look came between.

    The clocks are read when the look is recorded: a candidate whose model was slow soaked meanwhile.
    """
    staging = candidate.staging
    assert staging is not None
    looked = (looking or look)(control, candidate.release_id, staging)
    keyring, release_id = control.desk.keyring, candidate.release_id
    with control.step("observe", release_id, ACTOR) as conn:
        now = store.candidacy(conn, keyring, release_id).staging
        if now is None or now.last_seq != staging.last_seq:
            return None
        seen = Observation(
            control.reading(conn), looked.through, looked.decided, looked.shadow, looked.differing, looked.unanswered
        )
        store.record(conn, keyring, OBSERVED, release_id, _body(staging, seen, looked.where), ACTOR, seen.reading.wall)
        after = store.candidacy(conn, keyring, release_id).staging
        assert after is not None
        return Observed(release_id, seen, after.soak)


def look(control: ChangeControl, release_id: str, staging: Staging) -> Look:
    """Decide again a sample of what was really decided since the last look, and undo it."""
    made, unanswered = {}, 0
    with control.desk.postgres.connect() as conn:
        through = ledger.head(conn).seq
        places = store.decisions_between(conn, staging.through, through)
        release, bundle = releases.kept(conn, release_id)
        desk = control.desk.with_bundle(bundle)
        for real in _really_decided(conn, desk.keyring, sample_of(places)):
            try:
                with conn.transaction(force_rollback=True):
                    made[real.response_id] = differences(real, rehearsed(desk, release, conn, real.item))
            except Exception as problem:  # whatever the candidate cannot decide, the others are looked at
                if isinstance(problem, psycopg.OperationalError) and conn.closed:
                    raise
                unanswered += 1
    differing = tuple(response_id for response_id, parts in made.items() if parts)
    where = {part: sum(part in parts for parts in made.values()) for part in PARTS}
    return Look(through, len(places), len(made), differing, unanswered, where)


def _really_decided(conn: Connection, keyring: Keyring, places: Sequence[int]) -> Iterator[Real]:
    """The decisions at these places of the ledger. What was erased is gone from here, too."""
    for place in places:
        entry = ledger.entry_at(conn, place)
        content = ledger.content_of(conn, keyring, entry) if entry else None
        if entry is None or content is None:
            continue
        kept = content.as_json()
        envelope = kept["response_envelope"]
        fields = {field["name"]: field["value"] for field in envelope.get("fields", ())}
        yield Real(entry.subject_id, work_item(kept["input"]), kept["outcome"], envelope["decision"], fields)


def differences(real: Real, made: Decision) -> tuple[str, ...]:
    """Which of decision, outcome and fields came out otherwise."""
    fields = {field.name: field.value for field in made.envelope.fields}
    was, now = (real.decision, real.outcome, real.fields), (made.envelope.decision, made.outcome, fields)
    return tuple(part for part, before, after in zip(PARTS, was, now, strict=True) if before != after)


def _body(staging: Staging, seen: Observation, where: dict[str, int]) -> dict[str, object]:
    return {
        "staged_seq": staging.seq,
        "clocks": seen.reading.as_json(),
        "through": seen.through,
        "decided": seen.decided,
        "shadow": seen.shadow,
        "differing": list(seen.differing),
        "differing_in": where,
        "unanswered": seen.unanswered,
    }
