"""One valid example of each published contract, as the JSON that crosses rooms."""

from typing import Any

DIGEST = "0123456789abcdef" * 4


def envelope() -> dict[str, Any]:
    """Two pages over "Page one.\\nPage two."."""
    return {
        "schema_version": "1",
        "filing_id": "doc_1",
        "year": 2021,
        "filer_category": None,
        "raw_text": "Page one.\nPage two.",
        "raw_pages": [
            {"page": 1, "char_start": 0, "char_end": 10, "origin": "text_layer"},
            {"page": 2, "char_start": 10, "char_end": 19, "origin": "ocr"},
        ],
        "metadata": {
            "title": "A filing",
            "doc_type": "policy",
            "language": None,
            "media_type": "application/pdf",
            "source": "filesystem",
            "source_uri": "file:///source/a.pdf",
            "source_version": "v1",
            "object_sha256": DIGEST,
            "normaliser": "pdf",
            "normaliser_version": "1",
            "ocr_engine": None,
            "ocr_confidence": 0.5,
            "xsd_sha256": None,
            "document_format": "pdf",
            "layout": "page-2021",
            "fields": {"year_origin": "manifest", "taxable_income": "1.00"},
            "field_spans": {"taxable_income": {"page": 1, "char_start": 0, "char_end": 4, "certainty": 0.5}},
            "findings": [],
            "needs_human": [],
            "parent_id": None,
            "attachments": [],
        },
    }


def chunk() -> dict[str, Any]:
    """A chunk of that envelope."""
    return {
        "chunk_id": "ck_" + "0" * 40,
        "doc_id": "doc_1",
        "year": 2021,
        "filer_category": "Northwind",
        "ordinal": 0,
        "page": 1,
        "char_start": 0,
        "char_end": 9,
        "section": "",
        "text": "Page one.",
        "token_count": 3,
        "text_sha256": DIGEST,
        "chunker_version": "sentence-window/1/300/50/words-1",
        "header": "A filing 2021",
        "header_sha256": DIGEST,
    }


def hit() -> dict[str, Any]:
    """That chunk, found."""
    return {
        "rank": 1,
        "chunk_id": "ck_" + "0" * 40,
        "doc_id": "doc_1",
        "doc_title": "A filing",
        "page": 1,
        "char_range": [0, 9],
        "embedding_score": 0.75,
        "lexical_score": 7.5,
        "score": 0.03125,
        "method": {
            "embedder": "hash-384",
            "embedder_digest": DIGEST,
            "index_version": "idx_1",
            "mode": "hybrid",
            "scope": {"year": 2021, "filer_category": None, "opt_in_years": [2020]},
            "opt_in_years": [2020],
            "reranker": "cross-encoder@0123456789ab",
            "scope_from": "question",
        },
    }


def response_envelope() -> dict[str, Any]:
    """An answer that rests on that chunk."""
    retrieved = {
        "chunk_id": "ck_" + "0" * 40,
        "doc_id": "doc_1",
        "doc_title": "A filing",
        "page": 1,
        "char_range": [0, 9],
        "embedding_score": 0.75,
    }
    return {
        "response_id": "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "workload": "ddq.draft_response",
        "model": "local/extractive-v1",
        "prompt_hash": f"sha256:{DIGEST}",
        "retrieved_chunks": [retrieved],
        "response_segments": [{"text": "Page one.", "cited_chunk_ids": [retrieved["chunk_id"]]}],
        "decision": "answered",
        "confidence": 0.5,
        "citations": [{"doc_id": "doc_1", "page": 1, "char_range": [0, 9], "quote": "Page one."}],
        "fields": [{"name": "heading", "value": "one", "citation": 0}],
        "anomalies": [{"kind": "too_short", "explanation": "A page of two words.", "citations": [0]}],
        "approver": None,
        "approved_at": None,
    }


def ledger_entry() -> dict[str, Any]:
    """The first link of a chain."""
    return {
        "schema_version": "2",
        "seq": 1,
        "organization_id": "00000000-0000-4000-8000-000000000001",
        "year": 2021,
        "kind": "decision",
        "occurred_at": "2026-01-02T03:04:05.000006Z",
        "actor": "compliance",
        "subject_id": "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "key_id": "k1",
        "body": "{}",
        "body_sha256": DIGEST,
        "sealed": "AQID",
        "content_sha256": DIGEST,
        "content_commitment": DIGEST,
        "prev_hash": "0" * 64,
        "entry_hash": DIGEST,
    }


def ledger_record() -> dict[str, Any]:
    """That link, exported."""
    return {
        "schema_version": "1",
        "entry": {**ledger_entry(), "body": {}},
        "leaf_index": 0,
        "leaf_hash": DIGEST,
        "content_state": "sealed",
        "content": None,
        "salt": None,
    }


def release() -> dict[str, Any]:
    """A release whose absent parts are null."""
    return {
        "prompt_version": "p1",
        "threshold_version": None,
        "router_map": "static",
        "policy_bundle": None,
        "chunker": "c",
        "embedder_digest": "0" * 64,
        "index_parameters": "i",
        "golden_set": None,
        "code_version": "1",
    }


def notification() -> dict[str, Any]:
    """A page for a reviewer."""
    return {
        "schema_version": "1",
        "event": "quarantine_opened",
        "event_id": "evt_" + "0" * 40,
        "organization_id": "00000000-0000-4000-8000-000000000001",
        "subject_id": "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "created_at": "2026-01-02T03:04:05.000006Z",
        "data": {"workload": "ddq.draft_response", "year": 2021, "reason": "ungrounded"},
    }


def policy_input() -> dict[str, Any]:
    """A question to a model inside the tenancy."""
    return {
        "schema_version": "1",
        "organization_id": "00000000-0000-4000-8000-000000000001",
        "user": "unnamed",
        "workload": "ddq.draft_response",
        "classification": "internal",
        "model": "local/extractive-v1",
        "provider_region": "tenancy",
        "year": 2021,
        "opt_in_years": [2020],
        "filer_category": None,
        "deployment_profile": "tenancy",
    }


def policy_decision() -> dict[str, Any]:
    """It is allowed, with a cap on the answer."""
    return {
        "schema_version": "1",
        "allow": True,
        "reason": "allowed",
        "policy_hash": f"sha256:{DIGEST}",
        "engine": "regopy",
        "mode": "enforce",
        "transforms": [{"kind": "set_max_tokens", "value": 8192}],
        "classification": "internal",
        "connector_constraints": None,
        "partition_constraints": [2020, 2021],
        "provider_constraints": None,
        "outage": None,
    }


EXAMPLES = {
    "envelope": envelope(),
    "chunk": chunk(),
    "hit": hit(),
    "response_envelope": response_envelope(),
    "ledger_entry": ledger_entry(),
    "ledger_record": ledger_record(),
    "release": release(),
    "notification": notification(),
    "policy_input": policy_input(),
    "policy_decision": policy_decision(),
}
