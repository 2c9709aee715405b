"""Verifies everything that can be verified here: the ledger, and what its decisions rest on.

Of every sealed content: that it opens under the keys it names to what the ledger committed to, or that an erasure took a
key. Of every decision: its row, the text of its chunks and documents, and its raw objects, against the digests in its
content. Each chunk, document and object is looked at once, however many decisions rest on it.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from compliance_assets.audit_ledger import checkpoints
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, Finding
from compliance_assets.audit_ledger.checkpoints import SignedCheckpoint
from compliance_assets.audit_ledger.content import Content
from compliance_assets.audit_ledger.verify import Verification, verify_and_record
from compliance_assets.contracts.canonical import content_id
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput
from compliance_assets.evidence import store
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.erasure import ERASURE
from resources.clock import system_clock
from resources.postgres import Connection

BATCH = 500


@dataclass(frozen=True, slots=True)
class EvidenceVerification:
    """What came of opening the sealed contents: how many opened, how many were erased, what does not hold."""

    contents: int
    erased: int
    findings: tuple[Finding, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class FullVerification:
    """The ledger's verification, and that of what it rests on."""

    ledger: Verification
    evidence: EvidenceVerification

    @property
    def verified(self) -> bool:
        """Whether nothing was found."""
        return self.ledger.verified and not self.evidence.findings

    def as_json(self) -> dict[str, Any]:
        """For `--json`: the ledger's verification, with what was found in the evidence among its findings."""
        findings = [asdict(f) for f in sorted((*self.ledger.findings, *self.evidence.findings), key=lambda f: f.seq)]
        return {
            **self.ledger.as_json(),
            "verified": self.verified,
            "findings": findings,
            "contents": self.evidence.contents,
            "erased": self.evidence.erased,
            "evidence_seconds": self.evidence.seconds,
        }


def verify_all(archive: Archive, since: str | None = None) -> FullVerification:
    """Verify the ledger and its evidence, all of it or what came behind a checkpoint."""
    behind = None if since is None else given_checkpoint(archive, since)
    result = verify_and_record(archive.postgres, archive.keyring, archive.checkpoint_log, behind)
    return FullVerification(result, verify_evidence(archive, behind.size if behind else 0))


def verify_evidence(archive: Archive, after: int = 0) -> EvidenceVerification:
    """Open every sealed content behind an entry and look at what it rests on."""
    started = time.monotonic()
    with archive.postgres.connect() as conn:
        examination = _Examination(conn, archive, _erasures(conn))
        findings = tuple(examination.findings(after))
    return EvidenceVerification(examination.opened, examination.erased, findings, round(time.monotonic() - started, 3))


def given_checkpoint(archive: Archive, given: str) -> SignedCheckpoint:
    """A checkpoint as a person names it: its file, or the number of entries of one that is stored. Its signature is checked."""
    with archive.postgres.connect() as conn:
        if given.isdigit():
            stored = checkpoints.checkpoint_of_size(conn, int(given))
            if stored is not None:
                return stored
            sizes = [str(row[0]) for row in ledger.checkpoint_rows(conn)]
            raise InvalidInput(
                "no such checkpoint",
                expected=f"one of the sizes {', '.join(sizes[-8:])}" if sizes else "a ledger with a checkpoint",
                found=given,
                remedy="Give one of them, or the file of a checkpoint.",
            )
        path = Path(given)
        if not path.is_file():
            raise InvalidInput(
                "no such checkpoint",
                expected="a checkpoint's file, or its number of entries",
                found=repr(given),
                remedy=f"They are published under {archive.settings.checkpoint_url}.",
            )
        text = path.read_text(encoding="utf-8", errors="replace")
        head, _ = checkpoints.opened_by_any(text, checkpoints.named_verifiers(conn))
    return SignedCheckpoint(head.size, head.root, text, system_clock())


@dataclass(slots=True)
class _Examination:
    """A pass over sealed contents and what they rest on."""

    conn: Connection
    archive: Archive
    erasures: dict[str, int]
    opened: int = 0
    erased: int = 0
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def findings(self, after: int) -> Iterator[Finding]:
        """Everything that does not hold, in order of the entries."""
        for key in sorted(ledger.existing_keys(self.conn, list(self.erasures))):
            yield Finding(
                self.erasures[key], "a key that this erasure destroyed is there again", f"no key {key}", "it is"
            )
        batch: list[Entry] = []
        for entry in ledger.entries(self.conn, after):
            if not all(map(_is_key_id, ledger.sealed_under(entry))):
                yield Finding(entry.seq, "the entry names a key that there cannot be", "ids of keys", "something else")
            elif entry.sealed is not None:
                batch.append(entry)
            if len(batch) == BATCH:
                yield from self._batch(batch)
                batch.clear()
        yield from self._batch(batch)

    def _batch(self, entries: Sequence[Entry]) -> Iterator[Finding]:
        contents, broken = self._open(entries)
        yield from broken
        rows = store.decision_rows(self.conn, [e.subject_id for e in entries if e.kind == "decision"])
        decided: list[tuple[int, dict[str, Any]]] = []
        for entry in entries:
            if entry.seq not in contents:
                continue
            content = contents[entry.seq]
            if content is None:
                yield from self._missing_key(entry)
            elif back := [key for key in ledger.sealed_under(entry) if key in self.erasures]:
                yield Finding(entry.seq, "the content was erased and can be opened again",
                              f"no key {back[0]}, by entry {self.erasures[back[0]]}", "the key is there")  # fmt: skip
            elif content.commitment != entry.content_commitment:
                yield Finding(entry.seq, "the sealed content is not what the entry committed to",
                              str(entry.content_commitment), content.commitment)  # fmt: skip
            else:
                self.opened += 1
                if entry.kind == "decision":
                    value = content.as_json()
                    decided.append((entry.seq, value))
                    yield from _unlike(entry, value, rows.get(entry.subject_id, {}))
        yield from self._texts("chunk", decided, "chunks", "chunk_id", store.chunk_digests)
        yield from self._texts("document", decided, "documents", "doc_id", store.document_digests)
        yield from self._objects(decided)

    def _open(self, entries: Sequence[Entry]) -> tuple[dict[int, Content | None], list[Finding]]:
        try:
            return ledger.contents(self.conn, self.archive.keyring, entries), []
        except (IntegrityError, DependencyUnavailable):  # one of them, or its master key: find out which
            contents: dict[int, Content | None] = {}
            broken = []
            for entry in entries:
                try:
                    contents |= ledger.contents(self.conn, self.archive.keyring, [entry])
                except (IntegrityError, DependencyUnavailable) as problem:
                    broken.append(Finding(entry.seq, problem.problem, problem.expected, problem.found))
            return contents, broken

    def _missing_key(self, entry: Entry) -> Iterator[Finding]:
        keys = ledger.sealed_under(entry)
        if any(key in self.erasures for key in keys):
            self.erased += 1
        else:
            yield Finding(entry.seq, "a key that the content is sealed under is gone without an erasure on record",
                          f"keys {', '.join(keys) or 'named by the body'}", "not all of them")  # fmt: skip

    def _texts(
        self, what: str, decided: Sequence[tuple[int, dict[str, Any]]], part: str, name: str, digests: Any
    ) -> Iterator[Finding]:
        """Stored texts against the digests that decisions committed to; one that was erased with its person is not missed."""
        expected = {}
        for seq, value in decided:
            for pinned in value["lineage"][part]:
                if (pinned[name], pinned["text_sha256"]) not in self._seen:
                    self._seen.add((pinned[name], pinned["text_sha256"]))
                    expected[pinned[name], pinned["text_sha256"]] = seq
        found = digests(self.conn, list({identifier for identifier, _ in expected}))
        for (identifier, digest), seq in expected.items():
            if found.get(identifier) != digest:
                yield Finding(
                    seq, f"{what} {identifier} was changed or is gone", digest, found.get(identifier, "nothing")
                )

    def _objects(self, decided: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[Finding]:
        for seq, value in decided:
            for document in value["lineage"]["documents"]:
                digest = document["object_sha256"]
                if ("object", digest) in self._seen:
                    continue
                self._seen.add(("object", digest))
                try:
                    self.archive.objects.get(digest)
                except IntegrityError as problem:
                    yield Finding(seq, f"raw object {digest}: {problem.problem}", problem.expected, problem.found)


def _unlike(entry: Entry, content: dict[str, Any], row: dict[str, object]) -> Iterator[Finding]:
    """What a decision's row says otherwise than its content. A row that is missing is found with the entry's clear body."""
    sealed = {
        "idempotency key": content["idempotency_key"],
        "work item": content_id("work", content["input_sha256"]),
        "reason": content["reason"],
        "time": content["decided_at"],
    }
    for what, value in row.items():
        if value != sealed[what]:
            yield Finding(entry.seq, f"the decision's row has another {what}", str(sealed[what]), str(value))


def _erasures(conn: Connection) -> dict[str, int]:
    """key id -> the entry that says that it was destroyed. What somebody made senseless is found by its own entry."""
    erasures = {}
    for entry in ledger.entries_of_kind(conn, ERASURE):
        named = ledger.body_of(entry).get("key_ids")
        for key in named if isinstance(named, list) else ():
            if _is_key_id(key):
                erasures[key] = entry.seq
    return erasures


def _is_key_id(value: object) -> bool:
    try:
        return str(uuid.UUID(str(value))) == value
    except ValueError:
        return False
