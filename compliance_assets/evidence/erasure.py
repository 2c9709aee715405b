"""Erasure of a person's data, and the legal holds that forbid it.

Erased is: the person's key, and with it the sealed content of every entry that it seals; the documents that state the
person, with their objects, chunks, vectors and index rows; the lexical indexes of their years, which are made again without
them; what the work table and the decisions say of the question. What stays is what proves: entries, tree, checkpoints, and an
entry that says on whose order which keys were destroyed.
"""

from dataclasses import asdict, dataclass

from ulid import ULID

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.content import Content
from compliance_assets.contracts.data_subject import data_subject, data_subjects_in
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.evidence import erasure_store as store
from compliance_assets.evidence.archive import Archive
from compliance_assets.year_index import lexical_store
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection

ERASURE, HOLD, HOLD_RELEASED = "erasure", "hold", "hold_released"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or with `dry_run` would be. `still_at_source` are files that a person has to delete where they lie."""

    order_ref: str
    keys: int
    entries: int
    decisions: int
    documents: int
    objects: int
    still_at_source: tuple[str, ...]
    dry_run: bool

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Reach:
    """What an erasure reaches: keys, the decisions they seal, documents with all that is made of them, what was asked."""

    key_ids: tuple[str, ...]
    seqs: tuple[int, ...]
    response_ids: tuple[str, ...]
    documents: tuple[store.HeldDocument, ...]
    work_ids: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether there is anything to erase."""
        return bool(self.key_ids or self.documents or self.work_ids)


def erase(archive: Archive, subject: str, order_ref: str, actor: str, *, dry_run: bool = False) -> Erasure:
    """Erase a data subject on an order. Running it again finishes what a crash left, and finds nothing to do otherwise.

    Raises InvalidInput for a subject that is none, an unknown one, or one whose data a legal hold keeps.
    """
    person = data_subject(subject)
    order = _reference(order_ref)
    with archive.postgres.connect() as conn:
        store.lock_erasures(conn)
        reach = _reach(conn, archive, person)
        _refuse_unknown(conn, reach, order)
        _refuse_held(conn, archive, reach)
        years = _years(conn, reach)
        objects = store.objects_of_documents_alone(conn, [d.doc_id for d in reach.documents])
        done = Erasure(
            order_ref=order,
            keys=len(reach.key_ids),
            entries=len(reach.seqs),
            decisions=len(reach.response_ids),
            documents=len(reach.documents),
            objects=len(objects),
            still_at_source=tuple(sorted({d.source for d in reach.documents if not d.parent_id})),
            dry_run=dry_run,
        )
        if dry_run:
            return done
        # Before the commit: a crash in between leaves a document without its object, which the next attempt finishes.
        for digest in objects:
            archive.objects.delete(digest)
        _erase_rows(conn, reach)
        if reach.found:
            ledger.append(conn, archive.keyring, _entry(archive, actor, done, reach))
    _scrub(archive, years)
    return done


def place_hold(archive: Archive, subject: str, order_ref: str, actor: str) -> str:
    """Forbid the erasure of a person's data; returns the hold's id."""
    person, order = data_subject(subject), _reference(order_ref)
    with archive.postgres.connect() as conn:
        store.lock_erasures(conn)
        key_id = ledger.held_subject_key(conn, archive.keyring, person)
        if key_id is None and store.documents_stating(conn, person):  # no decision yet that rests on them
            key_id = ledger.subject_key(conn, archive.keyring, person)
        if key_id is None:
            raise _unknown()
        hold_id = f"hold_{ULID()}"
        store.add_hold(conn, hold_id, key_id, order, actor)
        body: dict[str, object] = {"hold_id": hold_id, "key_id": key_id, "order_ref": order}
        ledger.append(conn, archive.keyring, _of_no_year(archive, HOLD, actor, hold_id, body))
    return hold_id


def release_hold(archive: Archive, hold_id: str, order_ref: str, actor: str) -> None:
    """End a hold."""
    order = _reference(order_ref)
    with archive.postgres.connect() as conn:
        if not store.end_hold(conn, hold_id):
            raise InvalidInput(
                "no such hold in force",
                expected=", ".join(hold for hold, *_ in store.holds_in_force(conn)) or "no hold is in force",
                found=repr(hold_id),
                remedy="`compliance hold --list` shows the holds.",
            )
        body: dict[str, object] = {"hold_id": hold_id, "order_ref": order}
        ledger.append(conn, archive.keyring, _of_no_year(archive, HOLD_RELEASED, actor, hold_id, body))


def holds(archive: Archive) -> list[dict[str, object]]:
    """The holds in force."""
    with archive.postgres.connect() as conn:
        rows = store.holds_in_force(conn)
    return [dict(zip(("hold_id", "key_id", "order_ref", "placed_by", "placed_at"), row, strict=True)) for row in rows]


def erasure_of(conn: Connection, entry: Entry) -> str:
    """Which erasure took an entry's content, in words."""
    keys = set(ledger.sealed_under(entry))
    for erasure in ledger.entries_of_kind(conn, ERASURE):
        body = ledger.body_of(erasure)
        if keys & set(body.get("key_ids", ())):
            return f"erased by entry {erasure.seq} on order {body.get('order_ref')}, {erasure.occurred_at}"
    return "its key is gone without an erasure on record"


def opened_content(conn: Connection, keyring: Keyring, entry: Entry) -> Content:
    """A decision's opened content. Raises InvalidInput, naming the erasure, where it was erased."""
    content = ledger.content_of(conn, keyring, entry)
    if content is None:
        raise InvalidInput(
            "the content of this decision was erased",
            expected="a decision whose content is still there",
            found=f"entry {entry.seq}, {erasure_of(conn, entry)}",
            remedy="Its proof still holds (`compliance proof`); what it said is gone for good.",
        )
    return content


def erased_keys(conn: Connection) -> dict[str, int]:
    """key id -> the entry that says that it was destroyed."""
    erasures = ledger.entries_of_kind(conn, ERASURE)
    return {key_id: erasure.seq for erasure in erasures for key_id in ledger.body_of(erasure).get("key_ids", ())}


def _reach(conn: Connection, archive: Archive, person: str) -> _Reach:
    """Everything is locked in the order in which a drain takes it: work, documents, keys. So one waits for the other."""
    if person.startswith("rsp_"):
        return _reach_of_decision(conn, archive, person)
    key_id = ledger.subject_key_id(conn, archive.keyring, person)
    work = store.work_of(conn, person, store.decisions_under(conn, key_id))
    documents = store.documents_stating(conn, person)
    key_id = ledger.held_subject_key(conn, archive.keyring, person)
    seqs = ledger.entries_sealed_under(conn, key_id) if key_id else []
    decisions = store.decisions_at(conn, seqs)
    return _Reach((key_id,) if key_id else (), tuple(seqs), tuple(decisions), tuple(documents), tuple(work))


def _reach_of_decision(conn: Connection, archive: Archive, response_id: str) -> _Reach:
    work = store.work_of(conn, response_id, [response_id])
    key_id = ledger.held_subject_key(conn, archive.keyring, response_id)
    if key_id is None:
        return _Reach((), (), (), (), ())
    sealed = [e for e in ledger.entries_of(conn, response_id) if key_id in ledger.sealed_under(e)]
    decided = tuple(e.subject_id for e in sealed if e.kind == "decision")
    return _Reach((key_id,), tuple(e.seq for e in sealed), decided, (), tuple(work))


def _years(conn: Connection, reach: _Reach) -> set[int] | None:
    """The years whose tables hold something of it; None for all, where an attempt before this one may have reached it."""
    if not reach.found:
        return None
    return {d.year for d in reach.documents if d.year} | store.years_of_decisions(conn, reach.response_ids)


def _erase_rows(conn: Connection, reach: _Reach) -> None:
    years = sorted({d.year for d in reach.documents if d.year})
    ledger.destroy_keys(conn, reach.key_ids)
    store.forget_corpora(conn, years)  # from here on nobody builds an index of one of them
    store.delete_work(conn, reach.work_ids, reach.response_ids)
    store.blank_decisions(conn, reach.response_ids)
    store.delete_documents(conn, [d.doc_id for d in reach.documents], [d.pull_id for d in reach.documents])
    for year in years:
        lexical_store.rebuild(conn, year)


def _entry(archive: Archive, actor: str, done: Erasure, reach: _Reach) -> NewEntry:
    """Names keys and counts. Not the person, and no digest of anything that was erased: a digest can be guessed at."""
    body: dict[str, object] = {
        "order_ref": done.order_ref,
        "key_ids": sorted(reach.key_ids),
        "entries": done.entries,
        "decisions": done.decisions,
        "documents": done.documents,
        "objects": done.objects,
    }
    return _of_no_year(archive, ERASURE, actor, f"erasure_{ULID()}", body)


def _of_no_year(archive: Archive, kind: str, actor: str, subject_id: str, body: dict[str, object]) -> NewEntry:
    return NewEntry(NO_YEAR, kind, rfc3339(archive.clock()), actor, subject_id, body)


def _scrub(archive: Archive, years: set[int] | None) -> None:
    """What was deleted must not be left in the files of its tables."""
    with archive.postgres.connect_as_owner() as conn:
        conn.autocommit = True
        store.scrub(conn, years)


def _refuse_unknown(conn: Connection, reach: _Reach, order: str) -> None:
    known = any(ledger.body_of(entry).get("order_ref") == order for entry in ledger.entries_of_kind(conn, ERASURE))
    if not (reach.found or known):
        raise _unknown()


def _refuse_held(conn: Connection, archive: Archive, reach: _Reach) -> None:
    """A hold on anybody whose content lies under the same seal, or in the same file, holds it all."""
    stated = sorted({person for document in reach.documents for person in document.persons})
    others = (ledger.subject_key_id(conn, archive.keyring, person) for person in stated)
    keys = {*reach.key_ids, *store.keys_sealing(conn, reach.seqs), *others}
    held = [(hold, order) for hold, key_id, order, *_ in store.holds_in_force(conn) if key_id in keys]
    if held:
        raise InvalidInput(
            "a legal hold keeps this data",
            expected="no hold in force on the person, nor on anybody in the same decisions or files",
            found="; ".join(f"{hold} by order {order}" for hold, order in held),
            remedy="`compliance hold --release HOLD_ID --order REF` ends a hold; then erase again.",
        )


def _reference(order_ref: str) -> str:
    """The order's own number. It is kept for ever, so it may not name the person."""
    text = order_ref.strip()
    if not text or data_subjects_in(text):
        raise InvalidInput(
            "the order's reference is not usable",
            expected="the number of the order or request, without a CPF in it: the ledger keeps it for ever",
            found="nothing" if not text else "a text with a CPF",
            remedy="Give --order, for example --order LGPD-2026-0117.",
        )
    return text


def _unknown() -> InvalidInput:
    return InvalidInput(
        "nothing is held of this data subject",
        expected="a person whom a document or a decision of this organisation states",
        found="no key, no document",
        remedy="Check the number. What was erased before is not found again.",
    )
