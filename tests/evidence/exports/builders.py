"""Ledgers as they stand in a store, made without one."""

import hashlib
import hmac
from collections.abc import Iterator

from compliance_assets.audit_ledger.chain import Draft, Entry, Head, NewEntry, header_of, link, unplaced
from compliance_assets.audit_ledger.content import Content, SubjectKey, seal, unseal
from compliance_assets.contracts.canonical import canonical_json, sha256_hex

ORGANIZATION = "00000000-0000-4000-8000-000000000001"
CHAIN_KEY = b"k" * 32
PERSON = SubjectKey("00000000-0000-4000-8000-00000000000a", b"p" * 32)
MOMENT = "2026-01-02T03:04:05.678901Z"
QUESTION = "What did the person whose number is 123.456.789-09 declare?"

DECISION_BODY: dict[str, object] = {
    "workload": "ddq.draft_response",
    "model": "local/extractive-v1",
    "outcome": "review",
    "reason": "low_confidence",
    "confidence": 0.25,
    "release_id": "rel_1",
    "index_version": "idx_1",
    "prompt_template": {"name": "answer", "version": "1", "sha256": "0" * 64},
    "provider_route": [{"provider": "local", "model": "extractive-v1", "attempts": 1, "latency_seconds": 0.0125}],
    "policy_decision": None,
    "policy_hash": None,
    "transforms": [],
    "redaction_counts": {"cpf": 2, "name": 1},
    "hits": 5,
    "citations": 1,
    "sealed_under": [PERSON.key_id],
}
BODIES: dict[str, dict[str, object]] = {
    "decision": DECISION_BODY,
    "amendment": {"seq": 1, "was_leaf": "0" * 64, "now_leaf": "1" * 64, "reason": "restored from a backup"},
    "oversight": {"seq": 1, "state": "contested"},
    "incident": {
        "kind": "serious_malfunction",
        "severity": "critical",
        "state": "open",
        "summary": "Index | year = 2021",
    },
    "erasure": {"key_id": PERSON.key_id, "entries": 3},
    "hold": {"hold_id": "hold_1", "order_ref": "order 7"},
    "hold_released": {"hold_id": "hold_1"},
    "checkpoint_key": {"vkey": "compliance-assets/ledger/x+00000000+AAAA"},
    "pointer": {"pointer": "year_index/2022", "value": "idx_2", "previous": "idx_1"},
    "dossier": {"dossier_id": "dos_1"},
    "master_key": {"key_id": "k2", "previous": "k1"},
    "something_new": {"any": {"inner": [1, None, True]}},
}
#: A decision as the first version kept it: its content in its body.
FIRST_VERSION_BODY: dict[str, object] = {
    "input": {"workload": "ddq.draft_response", "year": 2021, "question": QUESTION},
    "hits": [{"doc_id": "doc_1", "doc_title": "Northwind"}],
    "prompt": f"Answer: {QUESTION}",
    "model_response": "123.456.789-09",
    "confidence": {"value": 0.5, "retrieval": 0.5},
    "outcome": "review",
    "reason": "provider_failed: it said 123.456.789-09",
    "release_id": "rel_0",
    "redaction_counts": {},
    "provider_route": [],
    "response_envelope": {"model": "local/extractive-v1", "citations": [], "decision": QUESTION},
    "lineage": {"index_version": "idx_0"},
}


def ledger(bodies: list[tuple[str, dict[str, object]]], *, sealed: bool = True) -> list[Entry]:
    """A chain of (kind, body), decisions with sealed content."""
    head, entries = Head(), []
    for kind, body in bodies:
        subject = f"{kind}_{head.seq + 1}"
        new = NewEntry(2021, kind, MOMENT, "compliance", subject, body)
        content = canonical_json({"input": {"question": QUESTION}, "answer": "é 𝄞\n"}).decode()
        closed = seal(content, [PERSON], ORGANIZATION, subject) if sealed and kind == "decision" else (None, None)
        draft = Draft(new, canonical_json(body).decode(), *closed)
        entry = link(head, unplaced(draft, ORGANIZATION, "k1"), CHAIN_KEY)
        head = Head(entry.seq, entry.entry_hash)
        entries.append(entry)
    return entries


def one_of_each() -> list[Entry]:
    """An entry of every kind."""
    return ledger(list(BODIES.items()))


def of_the_first_version() -> Entry:
    """A decision of the first version, the first of its chain."""
    body = canonical_json(FIRST_VERSION_BODY).decode()
    entry = one_of_each()[0]._replace(
        schema_version="1",
        body=body,
        body_sha256=sha256_hex(body),
        sealed=None,
        content_sha256=None,
        content_commitment=None,
        entry_hash="",
    )
    return entry._replace(entry_hash=hmac.digest(CHAIN_KEY, header_of(entry), "sha256").hex())


def opened(entry: Entry) -> Content:
    """The content of one of these entries."""
    assert entry.sealed is not None
    return unseal(entry.sealed, [PERSON], ORGANIZATION, entry.subject_id)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    left, right = root_by_definition(leaves[:k]), root_by_definition(leaves[k:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def keys(key_id: str) -> bytes:
    """The chain's key, for a walk."""
    if key_id != "k1":
        raise LookupError(key_id)
    return CHAIN_KEY


def lines_of(data: bytes) -> Iterator[bytes]:
    """The lines of a file; text may hold other line separators than a newline."""
    yield from (line for line in data.split(b"\n") if line)
