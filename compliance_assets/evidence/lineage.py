"""The lineage of a decision, from the raw object's digest to the ledger entry, read from our own tables."""

import json

from compliance_assets.audit_ledger.store import entry_of
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.evidence import store
from resources.postgres import Connection


def lineage_of(conn: Connection, response_id: str) -> dict[str, object]:
    """Every step of a decision, raw objects first. Raises InvalidInput for a response that is not known."""
    decision = store.decision(conn, response_id)
    if decision is None:
        raise InvalidInput(
            "no such decision",
            expected="the response_id of a decision of this organisation",
            found=repr(response_id),
            remedy="`compliance decide --json` prints the response_id of each decision.",
        )
    edges = store.edges(conn, response_id, int(str(decision["year"])))
    entry = entry_of(conn, response_id)
    return {
        "response_id": response_id,
        "raw_objects": _distinct(
            edges, ("object_sha256", "source_uri", "path", "source_version", "pull_id", "pulled_at")
        ),
        "documents": _distinct(
            edges,
            ("doc_id", "object_sha256", "title", "document_year", "filer_category", "normaliser", "normaliser_version"),
        ),
        "chunks": _distinct(edges, ("chunk_id", "doc_id", "page", "section", "text_sha256", "chunker_version")),
        "index_versions": store.index_versions(conn, str(decision["index_version"]).split("+")),
        "retrieved": _spans(edges, "retrieved"),
        "cited": _spans(edges, "cited"),
        "release": {"release_id": decision["release_id"], "manifest": json.loads(str(decision["manifest"]))},
        "decision": {
            "year": decision["year"],
            "workload": decision["workload"],
            "input": json.loads(str(decision["input"])),
            "input_sha256": decision["input_sha256"],
            "outcome": decision["outcome"],
            "reason": decision["reason"],
            "decided_at": decision["decided_at"],
            "idempotency_key": decision["idempotency_key"],
            "envelope": json.loads(str(decision["envelope"])),
        },
        "ledger_entry": entry.model_dump(exclude={"body"}) if entry else None,
    }


def _distinct(edges: list[dict[str, object]], columns: tuple[str, ...]) -> list[dict[str, object]]:
    seen = {tuple(edge[column] for column in columns): None for edge in edges}
    return [dict(zip(columns, values, strict=True)) for values in seen]


def _spans(edges: list[dict[str, object]], role: str) -> list[dict[str, object]]:
    return [
        {
            "position": edge["position"],
            "chunk_id": edge["chunk_id"],
            "doc_id": edge["doc_id"],
            "page": edge["page"],
            "char_range": [edge["char_start"], edge["char_end"]],
        }
        for edge in edges
        if edge["role"] == role
    ]
