"""The lineage both ways, read from our own tables: from a decision to the raw bytes, from a document to its decisions."""

import json
from typing import Any

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.audit_ledger.store import content_of
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.evidence import store
from compliance_assets.evidence.erasure import erasure_of
from compliance_assets.model_decisions.store import withheld
from resources.keyring import Keyring
from resources.postgres import Connection

SHOWN_DECISIONS = 1_000


def lineage_of(conn: Connection, keyring: Keyring, response_id: str) -> dict[str, Any]:
    """Every step of a decision, raw objects first. Raises InvalidInput for a response that is not known.

    Of an erased decision what is left: the outcome, the release, the entry, and which erasure took the rest.
    """
    entry = store.decision_entry(conn, response_id)
    content = content_of(conn, keyring, entry)
    recorded: dict[str, Any] = content.as_json() if content else {"hits": [], "lineage": {}}
    decision = store.decision(conn, response_id, entry.year) or {}
    lineage, hits = recorded["lineage"], recorded["hits"]
    documents = store.sources_of(conn, sorted({hit["doc_id"] for hit in hits}))
    return {
        "response_id": response_id,
        "erased": None if content else erasure_of(conn, entry),
        "raw_objects": _columns(
            documents, ("object_sha256", "source_uri", "path", "source_version", "pull_id", "pulled_at")
        ),
        "documents": _columns(
            documents,
            ("doc_id", "object_sha256", "title", "document_year", "filer_category", "normaliser", "normaliser_version"),
        ),
        "chunks": _chunks(conn, hits, documents, lineage),
        "index_versions": store.index_versions(conn, str(lineage.get("index_version", "none")).split("+")),
        "retrieved": [_span(hit["rank"], hit["chunk_id"], hit) for hit in hits],
        "cited": _cited(recorded),
        "release": {"release_id": decision.get("release_id"), "manifest": _manifest(decision)},
        "decision": {
            "year": entry.year,
            "workload": decision.get("workload"),
            "input": recorded.get("input"),
            "input_sha256": recorded.get("input_sha256"),
            "outcome": decision.get("outcome"),
            "reason": decision.get("reason"),
            "decided_at": decision.get("decided_at"),
            "idempotency_key": recorded.get("idempotency_key"),
            "envelope": _shown(recorded),
        },
        "ledger_entry": _header(entry),
    }


def touched_by(conn: Connection, name: str, limit: int = SHOWN_DECISIONS) -> dict[str, Any]:
    """Every decision that a document touched. It is named by its id, its raw object's digest or its path in the source."""
    doc_ids = store.documents_named(conn, name)
    if not doc_ids:
        raise InvalidInput(
            "neither a decision nor a document",
            expected="a response_id (rsp_…), a document's id (doc_…), a raw object's SHA-256, or a path within a source",
            found=repr(name),
            remedy="`compliance lineage RESPONSE_ID --json` names the documents of a decision.",
        )
    counts = store.touched_counts(conn, doc_ids)
    return {
        "documents": store.sources_of(conn, doc_ids),
        "decisions": sum(int(str(row["decisions"])) for row in counts),
        "by_year": counts,
        "latest": store.touched_decisions(conn, doc_ids, limit),
    }


def _shown(recorded: dict[str, Any]) -> dict[str, Any] | None:
    """The envelope, of an answer in quarantine that there is one: what it says is for a reviewer alone."""
    envelope: dict[str, Any] | None = recorded.get("response_envelope")
    if envelope is None or recorded.get("outcome") != "quarantined":
        return envelope
    return withheld(ResponseEnvelope.model_validate(envelope)).model_dump(mode="json")


def _chunks(
    conn: Connection, hits: list[dict[str, Any]], documents: list[dict[str, Any]], lineage: dict[str, Any]
) -> list[dict[str, Any]]:
    years = {document["doc_id"]: document["document_year"] for document in documents}
    known = store.sections_of_chunks(conn, [(years[h["doc_id"]], h["chunk_id"]) for h in hits if h["doc_id"] in years])
    digests = {c["chunk_id"]: c["text_sha256"] for c in lineage.get("chunks", ()) if isinstance(c, dict)}
    rows = []
    for hit in hits:
        section, version = known.get(hit["chunk_id"], (None, None))
        rows.append(
            {
                "chunk_id": hit["chunk_id"],
                "doc_id": hit["doc_id"],
                "page": hit["page"],
                "section": section,
                "text_sha256": digests.get(hit["chunk_id"]),
                "chunker_version": version,
            }
        )
    return rows


def _cited(recorded: dict[str, Any]) -> list[dict[str, Any]]:
    citations = recorded.get("response_envelope", {}).get("citations", ())
    chunk_ids = recorded["lineage"].get("cited_chunks", ())
    return [
        _span(position, chunk_id, citation)
        for position, (chunk_id, citation) in enumerate(zip(chunk_ids, citations, strict=True), start=1)
    ]


def _span(position: int, chunk_id: str, of: dict[str, Any]) -> dict[str, Any]:
    return {
        "position": position,
        "chunk_id": chunk_id,
        "doc_id": of["doc_id"],
        "page": of["page"],
        "char_range": of["char_range"],
    }


def _columns(rows: list[dict[str, Any]], names: tuple[str, ...]) -> list[dict[str, Any]]:
    distinct = {tuple(row[name] for name in names): None for row in rows}
    return [dict(zip(names, values, strict=True)) for values in distinct]


def _manifest(decision: dict[str, object]) -> dict[str, Any] | None:
    manifest: dict[str, Any] | None = json.loads(str(decision["manifest"])) if decision else None
    return manifest


def _header(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in entry._asdict().items() if name not in ("body", "sealed")}
