"""Cases: a decision that a person has to look at, who signed it and what came of it.

Each signature is an entry of the ledger, written with the tables in one transaction; the one that closes a case says so. In
the clear it says who signed what; the rationale, the decision that is put in the model's place, and the digest of the
envelope that was signed are sealed with the persons of the decision: a digest in the clear could be guessed at after an
erasure. Nobody signs his own question, nobody signs twice, and where two have to sign, both say the same. Who looks at a case
leaves an entry too.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.wording import clear_text, persons_behind
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions.workloads import workload_named, workload_names
from compliance_assets.review import case_store as store
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

REVIEW, VIEWED = "review", "case_viewed"
QUEUES = ("review", "quarantine")
STATES = ("open", "approved", "rejected", "overridden")
Verdict = Literal["approve", "reject", "override"]
#: verdict -> the state that it closes a case in.
CLOSED_AS: dict[Verdict, str] = {"approve": "approved", "reject": "rejected", "override": "overridden"}
#: The decision in an envelope whose answer did not hold, or that no model was asked for.
NOT_DECIDED = "not_decided"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a person said, recorded by entry `seq`. `rationale` and `decision` are None where they were erased or not given."""

    reviewer: str
    verdict: str
    signed_at: datetime
    seq: int
    rationale: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands. `reason` is a code."""

    response_id: str
    year: int
    workload: str
    queue: str
    reason: str
    state: str
    four_eyes: bool
    opened_at: datetime
    closed_at: datetime | None
    signatures: tuple[Signature, ...] = ()

    @property
    def signatures_needed(self) -> int:
        """How many persons have to say the same before it closes; a rejection closes it by itself."""
        return 2 if self.four_eyes else 1

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "signatures_needed": self.signatures_needed}


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with what a reviewer has to see. Everything sealed is None where it was erased."""

    case: Case
    erased: bool
    why: str | None
    asked: dict[str, Any] | None
    envelope: dict[str, Any] | None
    model_response: str | None  # only where it became no answer
    prompt_template: dict[str, Any]
    prompt_hash: str | None
    release_id: str
    index_version: str
    confidence: dict[str, Any] | None
    hits: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "case": self.case.as_json()}


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a person says now."""

    verdict: Verdict
    reviewer: str
    rationale: str
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A decision's entry with its opened content, None where that was erased."""

    entry: Entry
    content: dict[str, Any] | None

    @property
    def body(self) -> dict[str, Any]:
        """The clear part."""
        return ledger.body_of(self.entry)

    @property
    def envelope(self) -> dict[str, Any] | None:
        """The envelope as it was recorded."""
        return self.content["response_envelope"] if self.content else None

    @property
    def decision(self) -> str | None:
        """What the model decided; None where it gave no answer that held, or where it was erased."""
        return self.envelope["decision"] if self.envelope and self.envelope["decision"] != NOT_DECIDED else None


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def cases(
    conn: Connection,
    *,
    state: str | None = "open",
    queue: str | None = None,
    year: int | None = None,
    workload: str | None = None,
) -> list[Case]:
    """The cases that fit, without their signatures: what is quarantined first, then the oldest."""
    return [Case(*row) for row in store.case_rows(conn, state, queue, year, workload)]


def case_named(conn: Connection, keyring: Keyring, response_id: str, *, hold: bool = False) -> Case:
    """A case with its signatures. Raises InvalidInput where there is none."""
    row = store.case_row(conn, response_id, hold=hold)
    if row is None:
        waiting = [case.response_id for case in cases(conn)]
        raise InvalidInput(
            "no such case",
            expected=", ".join(waiting[:5]) or "the response id of a decision in review; none waits",
            found=repr(response_id),
            remedy="`compliance review list` shows what waits.",
        )
    return Case(*row, _signatures(conn, keyring, response_id))


def case_file(conn: Connection, keyring: Keyring, response_id: str) -> CaseFile:
    """What a reviewer has to see. The only place where a quarantined answer is read: a person is shown it by `viewed`."""
    return _file_of(case_named(conn, keyring, response_id), _recorded(conn, keyring, response_id))


def viewed(
    postgres: Postgres, keyring: Keyring, clock: Clock, response_id: str, reviewer: str | None, login: str
) -> CaseFile:
    """What a reviewer has to see, and an entry that says who saw it, of which decision, in which state.

    `reviewer` is the name that was given; without one the entry names the `login`. Nothing is shown that could not be recorded.
    Raises InvalidInput for an unknown case, for a quarantined one without a name, and for a name that is a CPF.
    """
    by = clear_text(login if reviewer is None else reviewer, "reviewer")
    with postgres.connect() as conn:
        case, recorded = case_named(conn, keyring, response_id), _recorded(conn, keyring, response_id)
        if case.queue == "quarantine" and reviewer is None:
            raise InvalidInput(
                "this answer is held in quarantine",
                expected="the name of who looks at it",
                found="none",
                remedy=f"compliance review show {response_id} --by NAME; the ledger keeps it.",
            )
        body: dict[str, object] = {
            "response_id": response_id,
            "queue": case.queue,
            "state": case.state,
            "reviewer": by,
            "decision_seq": recorded.entry.seq,
            "decision_entry_hash": recorded.entry.entry_hash,
        }
        ledger.append(conn, keyring, NewEntry(case.year, VIEWED, rfc3339(clock()), by, response_id, body))
        return _file_of(case, recorded)


def _file_of(case: Case, recorded: _Recorded) -> CaseFile:
    body, content = recorded.body, recorded.content or {}
    unanswered = recorded.content is not None and recorded.decision is None
    return CaseFile(
        case=case,
        erased=recorded.content is None,
        why=content.get("reason"),
        asked=content.get("input"),
        envelope=recorded.envelope,
        model_response=content.get("model_response") if unanswered else None,
        prompt_template=body.get("prompt_template") or content.get("prompt_template") or {},
        prompt_hash=content.get("prompt_hash"),
        release_id=str(body.get("release_id", "")),
        index_version=str(body.get("index_version", "")),
        confidence=content.get("confidence"),
        hits=tuple(content.get("hits", ())),
    )


def signed_envelope(conn: Connection, keyring: Keyring, response_id: str) -> ResponseEnvelope:
    """A decision's envelope as the ledger's entries make it: with the approver and the time once it was approved.

    Where two approved, both are named, and the time is the second one's. Raises InvalidInput for an unknown or erased
    decision and for one that is held back in quarantine, IntegrityError where what was signed is not what is recorded.
    """
    recorded = _recorded(conn, keyring, response_id)
    if recorded.envelope is None:
        raise _erased(recorded.entry)
    approvals = [
        (entry, body) for entry, body in _review_entries(conn, response_id) if body.get("verdict") == "approve"
    ]
    closing = next((entry for entry, body in approvals if body.get("state") == "approved"), None)
    if closing is None:
        if recorded.body.get("outcome") == "quarantined":
            raise InvalidInput(
                "the answer is held back",
                expected="an approved answer, or one that was never quarantined",
                found=f"{response_id}, in quarantine",
                remedy="`compliance review show` shows it to a reviewer, `compliance review approve` releases it.",
            )
        return ResponseEnvelope.model_validate(recorded.envelope)
    signed = _signed(recorded.envelope, [str(body["reviewer"]) for _, body in approvals], closing.occurred_at)
    content = ledger.content_of(conn, keyring, closing)
    if content is not None and content.as_json().get("signed_envelope_sha256") != digest_of(signed):
        raise IntegrityError(
            f"the envelope of {response_id} is not the one that was signed",
            expected=f"SHA-256 {content.as_json().get('signed_envelope_sha256')}",
            found=digest_of(signed),
            remedy="Run `compliance verify`; it names what was changed.",
        )
    return ResponseEnvelope.model_validate(signed)


# ── signing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def approve(
    postgres: Postgres, keyring: Keyring, clock: Clock, response_id: str, reviewer: str, rationale: str = ""
) -> Case:
    """Sign the envelope as it stands. Raises InvalidInput where this person may not, or where there is no answer to sign."""
    said = _Statement("approve", clear_text(reviewer, "reviewer"), storable(rationale).strip())
    return _sign(postgres, keyring, clock, response_id, said)


def reject(postgres: Postgres, keyring: Keyring, clock: Clock, response_id: str, reviewer: str, rationale: str) -> Case:
    """Close the case without a decision. The only verdict on a decision whose content was erased."""
    said = _Statement("reject", clear_text(reviewer, "reviewer"), _given(rationale, "rationale"))
    return _sign(postgres, keyring, clock, response_id, said)


def override(
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    response_id: str,
    reviewer: str,
    decision: str,
    rationale: str,
) -> Case:
    """Put a person's decision in the place of the model's. Raises InvalidInput for one that the workload does not know."""
    said = _Statement(
        "override", clear_text(reviewer, "reviewer"), _given(rationale, "rationale"), clear_text(decision, "decision")
    )
    return _sign(postgres, keyring, clock, response_id, said)


def _sign(postgres: Postgres, keyring: Keyring, clock: Clock, response_id: str, said: _Statement) -> Case:
    """Who comes second waits for the case's row and then sees what the first one left. Saying the same again changes nothing."""
    with postgres.connect() as conn:
        case = case_named(conn, keyring, response_id, hold=True)
        if any(_says_the_same(said, signature) for signature in case.signatures):
            return case
        recorded = _recorded(conn, keyring, response_id, hold=True)
        _refuse_closed(case)
        _refuse_person(case, recorded, said.reviewer)
        _refuse_statement(case, recorded, said)
        closes = said.verdict == "reject" or len(case.signatures) + 1 >= case.signatures_needed
        state, moment = CLOSED_AS[said.verdict] if closes else "open", clock()
        new = _entry(conn, keyring, case, recorded, said, state, moment)
        seq = ledger.append(conn, keyring, new).seq
        store.add_signature(conn, response_id, said.reviewer, said.verdict, moment, seq)
        if closes:
            store.close_case(conn, response_id, state, moment)
            _add_outcome(conn, case, recorded, said, state, moment)
        return case_named(conn, keyring, response_id)


def _entry(
    conn: Connection, keyring: Keyring, case: Case, recorded: _Recorded, said: _Statement, state: str, moment: datetime
) -> NewEntry:
    entry = recorded.entry
    body: dict[str, object] = {
        "response_id": case.response_id,
        "queue": case.queue,
        "verdict": said.verdict,
        "reviewer": said.reviewer,
        "previous_state": case.state,
        "state": state,
        "signature": len(case.signatures) + 1,
        "signatures_needed": case.signatures_needed,
        "decision_seq": entry.seq,
        "decision_entry_hash": entry.entry_hash,
    }
    content: dict[str, object] = {"rationale": said.rationale}
    if said.decision is not None:
        content["decision"] = said.decision
    if recorded.envelope is not None:
        content["envelope_sha256"] = digest_of(recorded.envelope)
        if state == "approved":
            names = [*(s.reviewer for s in case.signatures), said.reviewer]
            content["signed_envelope_sha256"] = digest_of(_signed(recorded.envelope, names, rfc3339(moment)))
    persons = persons_behind(conn, keyring, entry, said.rationale, said.decision or "")
    return NewEntry(entry.year, REVIEW, rfc3339(moment), said.reviewer, case.response_id, body, content, persons)


def _add_outcome(
    conn: Connection, case: Case, recorded: _Recorded, said: _Statement, state: str, moment: datetime
) -> None:
    """The row for training; from an erased decision nothing is learned."""
    if recorded.envelope is None:
        return
    final = {"approve": recorded.decision, "reject": None, "override": said.decision}[said.verdict]
    row = (
        case.response_id, case.year, case.workload, str(recorded.body["release_id"]), state, recorded.decision, final,
        float(recorded.envelope["confidence"]), case.reason, moment,
    )  # fmt: skip
    store.put_outcome(conn, row)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_closed(case: Case) -> None:
    if case.closed_at is not None:
        signed = ", ".join(f"{s.reviewer} ({s.verdict})" for s in case.signatures)
        raise InvalidInput(
            f"the case is closed: {case.state}",
            expected="an open case",
            found=f"{case.state} at {rfc3339(case.closed_at)[:19]}Z by {signed}",
            remedy="A verdict stands. `compliance oversight` records what a person makes of it afterwards.",
        )


def _refuse_person(case: Case, recorded: _Recorded, reviewer: str) -> None:
    """A reviewer is neither who decided nor who asked, and nobody is two."""
    asked = (recorded.content or {}).get("input", {}).get("user")
    model = recorded.envelope["model"] if recorded.envelope else recorded.body.get("model")
    parts = {"the model that decided": model, "the system that recorded it": recorded.entry.actor, "who asked": asked}
    for part, name in parts.items():
        if name and same_person(str(name), reviewer):
            raise InvalidInput(
                "this reviewer may not sign it",
                expected=f"a person other than {part}",
                found=repr(reviewer),
                remedy="Have somebody else review it.",
            )
    for signature in case.signatures:
        if same_person(signature.reviewer, reviewer):
            raise InvalidInput(
                "this reviewer has signed already",
                expected="a second person" if case.four_eyes else "one verdict of each person",
                found=f"{signature.reviewer}: {signature.verdict}, entry {signature.seq}",
                remedy="Have somebody else sign; a signature is not taken back.",
            )


def _refuse_statement(case: Case, recorded: _Recorded, said: _Statement) -> None:
    if said.verdict == "reject":
        return
    if recorded.envelope is None:
        raise _erased(recorded.entry)
    if said.verdict == "approve" and recorded.decision is None:
        raise InvalidInput(
            "there is no answer to approve",
            expected="an envelope with a decision",
            found=f"{NOT_DECIDED}: {case.reason}",
            remedy="Decide it with `compliance review override`, or reject it.",
        )
    if said.verdict == "override":
        _refuse_decision(case, recorded, said)
    for earlier in case.signatures:
        if earlier.verdict != said.verdict or (earlier.decision is not None and earlier.decision != said.decision):
            raise InvalidInput(
                "the two reviewers do not say the same",
                expected=f"{earlier.verdict}{f' --decision {earlier.decision}' if earlier.decision else ''}, or reject",
                found=f"{said.verdict}{f' --decision {said.decision}' if said.decision else ''}",
                remedy="Agree with the first reviewer, or reject: that closes the case.",
            )


def _refuse_decision(case: Case, recorded: _Recorded, said: _Statement) -> None:
    known = workload_named(case.workload).decisions if case.workload in workload_names() else ()
    if known and said.decision not in known:
        raise InvalidInput(
            f"{case.workload} knows no such decision",
            expected=", ".join(known),
            found=repr(said.decision),
            remedy="Give --decision one of them.",
        )
    if said.decision == recorded.decision:
        raise InvalidInput(
            "that is what the model decided",
            expected="another decision",
            found=repr(said.decision),
            remedy="`compliance review approve` agrees with it.",
        )


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, however they are written: case, width and spaces do not tell persons apart."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _says_the_same(said: _Statement, signature: Signature) -> bool:
    """An erased rationale is taken to be the same."""
    return (
        same_person(said.reviewer, signature.reviewer)
        and said.verdict == signature.verdict
        and signature.rationale in (None, said.rationale)
        and signature.decision in (None, said.decision)
    )


def _given(text: str, what: str) -> str:
    words = storable(text).strip()
    if not words:
        raise InvalidInput(
            f"the {what} is missing", expected="text", found="nothing", remedy=f"Give --{what}; it is kept sealed."
        )
    return words


def _erased(entry: Entry) -> InvalidInput:
    return InvalidInput(
        "the content of this decision was erased",
        expected="a decision whose content is still there",
        found=f"entry {entry.seq}, whose key is destroyed",
        remedy="`compliance review reject` closes its case where one is open.",
    )


# ── from the ledger ──────────────────────────────────────────────────────────────────────────────────────────────────


def _recorded(conn: Connection, keyring: Keyring, response_id: str, *, hold: bool = False) -> _Recorded:
    """A decision as recorded. With `hold` no erasure takes it away before the transaction ends."""
    entry = next((e for e in ledger.entries_of(conn, response_id) if e.kind == "decision"), None)
    if entry is None:
        raise InvalidInput(
            "no such decision",
            expected="the response id of a decision of this organisation",
            found=repr(response_id),
            remedy="`compliance review list` shows what waits.",
        )
    if hold and not store.held_keys(conn, ledger.sealed_under(entry)):
        return _Recorded(entry, None)
    content = ledger.content_of(conn, keyring, entry)
    return _Recorded(entry, content.as_json() if content else None)


def _review_entries(conn: Connection, response_id: str) -> list[tuple[Entry, dict[str, Any]]]:
    return [(e, ledger.body_of(e)) for e in ledger.entries_of(conn, response_id) if e.kind == REVIEW]


def _signatures(conn: Connection, keyring: Keyring, response_id: str) -> tuple[Signature, ...]:
    rows = store.signature_rows(conn, response_id)
    if not rows:
        return ()
    entries = [entry for entry, _ in _review_entries(conn, response_id)]
    opened = {seq: content.as_json() for seq, content in ledger.contents(conn, keyring, entries).items() if content}
    return tuple(
        Signature(*row, opened.get(row[3], {}).get("rationale"), opened.get(row[3], {}).get("decision")) for row in rows
    )


def _signed(envelope: dict[str, Any], approvers: Sequence[str], approved_at: str) -> dict[str, Any]:
    """The recorded envelope with its signature: the fields that it had when it was recorded, and no other."""
    return {**envelope, "approver": "; ".join(approvers), "approved_at": approved_at}
