"""Oversight: what a person makes of an entry. One row an entry, and each change of it an entry itself."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.wording import clear_text, persons_behind
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.text import storable
from compliance_assets.review import store
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

OVERSIGHT = "oversight"
STATES = ("flagged", "under_review", "accepted", "contested")


@dataclass(frozen=True, slots=True)
class Oversight:
    """What stands for an entry. `note` is the first line of the reviewer's note, or names the entry that seals it."""

    seq: int
    state: str
    reviewer: str
    note: str
    updated_at: datetime

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of an entry's oversight, as entry `recorded` says it. `note` is None where it was erased."""

    recorded: int
    occurred_at: str
    state: str
    previous_state: str | None
    reviewer: str
    note: str | None

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def oversee(
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    seq_or_response_id: int | str,
    state: str,
    reviewer: str,
    note: str,
) -> Oversight:
    """Set what a person makes of an entry. Saying the same again writes nothing.

    The note may speak of persons, so it is sealed: under the keys of those whom it or the entry's content states, so that the
    erasure of one of them takes it along. The row lies outside the seal: it keeps the note's first line only where no such
    person is stated, else `sealed: see entry N`. Raises InvalidInput for an unknown entry or state, and for a reviewer that is
    empty or a CPF.
    """
    if state not in STATES:
        raise InvalidInput(
            "there is no such state", expected=", ".join(STATES), found=repr(state), remedy="Choose one of them."
        )
    by, words = clear_text(reviewer, "reviewer"), storable(note).strip()
    with postgres.connect() as conn:
        entry = entry_named(conn, seq_or_response_id)
        store.lock(conn, f"oversight:{entry.seq}")
        stands = oversight_of(conn, entry.seq)
        if stands and (stands.state, stands.reviewer) == (state, by) and _last_note(conn, keyring, entry) == words:
            return stands
        persons = persons_behind(conn, keyring, entry, words)
        moment = clock()
        body: dict[str, object] = {
            "seq": entry.seq,
            "entry_hash": entry.entry_hash,
            "state": state,
            "previous_state": stands.state if stands else None,
            "reviewer": by,
        }
        content: dict[str, object] | None = {"note": words} if words else None
        new = NewEntry(entry.year, OVERSIGHT, rfc3339(moment), by, entry.subject_id, body, content, persons)
        recorded = ledger.append(conn, keyring, new)
        shown = f"sealed: see entry {recorded.seq}" if words and persons else next(iter(words.splitlines()), "")
        store.put_oversight(conn, entry.seq, entry.year, state, by, shown, moment)
    return Oversight(entry.seq, state, by, shown, moment)


def oversight_of(conn: Connection, seq: int) -> Oversight | None:
    """What stands for an entry, None where nobody looked at it."""
    row = store.oversight_row(conn, seq)
    return Oversight(*row) if row else None


def changes_of(conn: Connection, keyring: Keyring, entry: Entry) -> list[Change]:
    """Every step of an entry's oversight with its note, in order, as the ledger recorded it."""
    recorded = [
        (other, body)
        for other in ledger.entries_of(conn, entry.subject_id)
        if other.kind == OVERSIGHT and (body := json.loads(other.body))["seq"] == entry.seq
    ]
    notes = ledger.contents(conn, keyring, [other for other, _ in recorded])
    changes = []
    for other, body in recorded:
        content = notes.get(other.seq)
        note = "" if other.sealed is None else str(json.loads(content.text)["note"]) if content else None
        step = body["state"], body["previous_state"], body["reviewer"]
        changes.append(Change(other.seq, other.occurred_at, *step, note))
    return changes


def entry_named(conn: Connection, name: int | str) -> Entry:
    """The entry at a place in the chain, or the first about a response id. Raises InvalidInput where there is none."""
    by_place = isinstance(name, int) or name.isdecimal()
    entry = ledger.entry_at(conn, min(int(name), 2**62)) if by_place else ledger.entry_of(conn, str(name))
    if entry is None:
        raise InvalidInput(
            "no such entry",
            expected=f"a number from 1 to {ledger.head(conn).seq}, or the response id of a decision",
            found=repr(name),
            remedy="`compliance decide --json` prints the response_id of each decision.",
        )
    return entry


def _last_note(conn: Connection, keyring: Keyring, entry: Entry) -> str | None:
    changes = changes_of(conn, keyring, entry)
    return changes[-1].note if changes else None
