"""Replays a decision from the ledger: recorded, as proof, or asked again, as a rate.

Recorded: from the stored input, query vector, hit set and model response, every later field is derived again by the code
that derives it first, over the pinned chunks and without an index, and the whole content must be byte-equal.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.audit_ledger.content import Content
from compliance_assets.audit_ledger.store import sealed_under
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.hit import Hit, RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.evidence import store
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.erasure import opened_content
from compliance_assets.governance.egress import EgressProfile
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.decide import (
    Circumstances,
    Decision,
    Egress,
    Evidence,
    SourceDocument,
    World,
    code_version,
    decide,
)
from compliance_assets.model_decisions.record import ledger_body, ledger_content
from compliance_assets.model_decisions.releases.store import prompts_of
from compliance_assets.model_decisions.work import WorkItem, work_item
from compliance_assets.model_decisions.workloads import Workload, shipped_prompts, with_prompt
from compliance_assets.year_index.exact import decoded, similarity
from compliance_assets.year_index.passage_store import passages_of
from compliance_assets.year_index.retrieved import Retrieved, ranked
from resources.postgres import Connection
from resources.providers import Attempt, Completion, ModelRequest, Models

SHOWN = 200  # characters of a value that differs


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the record that came out otherwise."""

    field: str
    recorded: str
    replayed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What a recorded replay came to."""

    response_id: str
    equal: bool
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


class OfAnOlderRelease(InvalidInput):
    """A decision whose record another release wrote."""


@dataclass(frozen=True, slots=True)
class Replays:
    """Several recorded replays. Left out are the `erased`, whose content is gone, and those `of_older_releases`."""

    replayed: int
    erased: int
    of_older_releases: int
    different: tuple[Replay, ...]

    @property
    def equal(self) -> bool:
        """Whether every one was byte-equal."""
        return not self.different

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "equal": self.equal}


@dataclass(frozen=True, slots=True)
class Requery:
    """How often a model, asked again, answered otherwise. No proof of anything: models vary."""

    response_id: str
    model: str
    times: int
    same_decision: float
    same_citations: float
    same_answer: float
    decisions: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The world as it was recorded: the same policy decision, the pinned chunks, the answers in their order."""

    cited: decision_store.CitedDocuments
    value: dict[str, Any]
    evidence: Evidence
    answers: Iterator[Completion]

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        """What the policy said, whatever is asked: an input that differs shows in its own field."""
        return PolicyDecision.model_validate(self.value["governance"]["policy"])

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        """The recorded hit set, its similarities taken anew."""
        return self.evidence

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        """The next recorded answer. An answer too many or too few shows in the exchanges."""
        return next(self.answers, Completion("", "", "", 0, 0.0))

    def source(self, doc_id: str, start: int, end: int) -> str:
        """Characters of a document as it stands."""
        return self.cited.source(doc_id, start, end)

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        """The page that characters of a document stand on, as it stands."""
        return self.cited.page_of(doc_id, start, end)


@dataclass(frozen=True, slots=True)
class AskedAgain(Recorded):
    """The recorded world, but for the model: it is asked anew."""

    models: Models

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        """What a model says now."""
        return self.models.ask(
            request, egress.models, allowed_regions=egress.regions, provider_constraints=egress.providers
        )


def replay_all(archive: Archive, response_ids: Sequence[str] | None = None) -> Replays:
    """Replay these decisions, or every one that is not erased."""
    with archive.postgres.connect() as conn:
        erased = 0
        if response_ids is None:
            response_ids, erased = store.replayable_decisions(conn)
        replays, older = [], 0
        for response_id in response_ids:
            try:
                replays.append(replay(conn, archive, response_id))
            except OfAnOlderRelease:
                older += 1
    return Replays(len(replays), erased, older, tuple(r for r in replays if not r.equal))


def replay(conn: Connection, archive: Archive, response_id: str) -> Replay:
    """Derive a decision again from its record. Raises InvalidInput for one that is unknown or erased."""
    entry, content = recorded(conn, archive, response_id)
    value = content.as_json()
    answers = iter(_answers(value))
    decision = _again(
        conn,
        archive,
        value,
        Recorded(decision_store.CitedDocuments(conn), value, _evidence_again(conn, value), answers),
    )
    replayed = ledger_content(decision)
    body = {**ledger_body(decision), "sealed_under": list(sealed_under(entry))}
    differences = [
        *_differences("", value, json.loads(canonical_json(replayed))),
        *_differences("body.", json.loads(entry.body), json.loads(canonical_json(body))),
    ]
    equal = canonical_json(replayed) == content.text.encode() and canonical_json(body) == entry.body.encode()
    if not equal and not differences:
        differences.append(Difference("canonical form", "another spelling of the same values", "canonical JSON"))
    if not equal and value["release"]["code_version"] != code_version():
        differences.insert(0, Difference("the code that replays", value["release"]["code_version"], code_version()))
    return Replay(response_id, equal, tuple(differences))


def requery(conn: Connection, archive: Archive, response_id: str, times: int) -> Requery:
    """Ask the recorded route's models the recorded prompt again, several times, and compare what came of it."""
    _, content = recorded(conn, archive, response_id)
    value = content.as_json()
    was, world = (
        value["response_envelope"],
        AskedAgain(decision_store.CitedDocuments(conn), value, _evidence_again(conn, value), iter(()), archive.models),
    )
    envelopes = [_again(conn, archive, value, world).envelope.model_dump(mode="json") for _ in range(times)]
    decisions = Counter(envelope["decision"] for envelope in envelopes)

    def share(*fields: str) -> float:
        return sum(all(e[f] == was[f] for f in fields) for e in envelopes) / times

    return Requery(
        response_id, was["model"], times, share("decision"), share("citations"),
        share("decision", "response_segments", "citations"), dict(decisions),
    )  # fmt: skip


def recorded(conn: Connection, archive: Archive, response_id: str) -> tuple[Entry, Content]:
    """A decision's entry and its opened content."""
    entry = store.decision_entry(conn, response_id)
    content = opened_content(conn, archive.keyring, entry)
    if "sent_back" not in content.as_json():
        raise OfAnOlderRelease(
            "this decision cannot be replayed here",
            expected=f"a decision as {code_version()} records it",
            found=f"entry {entry.seq}, recorded by {content.as_json().get('release', {}).get('code_version', 'an older release')}",
            remedy="Replay it with the release that recorded it; `compliance lineage` shows what was recorded.",
        )
    return entry, content


def _again(conn: Connection, archive: Archive, value: dict[str, Any], world: World) -> Decision:
    return decide(work_item(value["input"]), _circumstances_again(conn, archive, value), world)


def _circumstances_again(conn: Connection, archive: Archive, value: dict[str, Any]) -> Circumstances:
    call, key_id = value["call"], value["governance"]["redaction"]["key_id"]
    organization_id = value["governance"]["policy_input"]["organization_id"]
    egress = call["egress"]
    return Circumstances(
        organization_id=organization_id,
        workload=_workload_again(conn, value),
        egress_profile=EgressProfile(
            egress["profile"], frozenset(egress["data_regions"]), frozenset(egress["bound_to_tenancy"])
        ),
        release=Release(**value["release"]),
        index_version=value["lineage"]["index_version"],
        call=_call_again(call),
        regions=call["regions"],
        pseudonym_key_id=key_id,
        pseudonym_key=archive.keyring.pseudonym_key(organization_id, key_id),
        now=datetime.fromisoformat(value["decided_at"]),
        salt=bytes.fromhex(value["salt"]),
    )


def _call_again(call: dict[str, Any]) -> CallParameters:
    return CallParameters(
        tuple(call["models"]), call["max_tokens"], call["temperature"], tuple(call["guardrails"]),
        max_context=call.get("max_context"),
        require_citations=call.get("require_citations", False),
        require_template_adherence=call.get("require_template_adherence", False),
        enable_chunk_provenance=call.get("enable_chunk_provenance", False),
    )  # fmt: skip


def _workload_again(conn: Connection, value: dict[str, Any]) -> Workload:
    """The workload with its prompt, from the files of its release; of a release that is older than these, from the product's."""
    workload = Workload.model_validate(value["workload"])
    prompts = prompts_of(conn, Release(**value["release"]).release_id)
    return with_prompt(workload, {**shipped_prompts(), **prompts})


def _evidence_again(conn: Connection, value: dict[str, Any]) -> Evidence:
    about = value["input"].get("document_id")
    return Evidence(
        tuple(_retrieved_again(conn, value)),
        tuple(_documents_again(conn, value)),
        value["lineage"]["index_version"],
        value["query_vector"],
        decision_store.parsed_of(conn, about) if about and value["query_vector"] else None,
    )


def _retrieved_again(conn: Connection, value: dict[str, Any]) -> list[Retrieved]:
    """The recorded hit set with texts, places and exact similarities taken from the pinned chunks, in their order."""
    hits = [Hit.model_validate(hit) for hit in value["hits"]]
    years = {d["doc_id"]: d["year"] for d in value["lineage"]["documents"]}
    model = hits[0].method.embedder_digest if hits else ""
    passages = passages_of(conn, [(years[hit.doc_id], hit.chunk_id) for hit in hits], model)
    query = decoded(value["query_vector"]) if hits else None
    found: list[Retrieved] = []
    for hit in hits:
        passage = passages.get(hit.chunk_id)
        if query is None or passage is None:
            continue  # its absence shows as a difference of the hit set
        cosine = similarity(query, passage.vector)
        again = {
            "doc_title": passage.title,
            "page": passage.place.page,
            "char_range": (passage.start, passage.end),
            "embedding_score": cosine,
            # A fused rank rests on everything that was indexed that day: it stands as it was recorded.
            "score": cosine if hit.score == hit.embedding_score else hit.score,
        }
        found.append(Retrieved(hit.model_copy(update=again), passage.text))
    return ranked(found, value["input"].get("document_id"))


def _documents_again(conn: Connection, value: dict[str, Any]) -> list[SourceDocument]:
    """The documents as they stand, the digests of their texts taken anew."""
    doc_ids = [document["doc_id"] for document in value["lineage"]["documents"]]
    digests = store.document_digests(conn, doc_ids)
    return [replace(d, text_sha256=digests[d.doc_id]) for d in decision_store.documents_of(conn, doc_ids)]


def _answers(value: dict[str, Any]) -> list[Completion]:
    """Every recorded answer in order, the one that the decision rests on last."""
    if value["model_response"] is None:
        return []
    last = {"response": value["model_response"], "route": value["provider_route"]}
    return [_completion(exchange) for exchange in (*value["sent_back"], last)]


def _completion(exchange: dict[str, Any]) -> Completion:
    *failed, answered = exchange["route"]
    return Completion(
        exchange["response"],
        answered["model"],
        answered["provider"],
        answered["attempts"],
        answered["latency_seconds"],
        attempt_details=tuple(
            Attempt(a["provider"], a["model"], a["outcome"], "", a["latency_seconds"], a["seconds_after_failure"])
            for a in failed
        ),
        fallback_from=answered["fallback_from"],
    )


def _differences(path: str, was: Any, now: Any) -> Sequence[Difference]:
    if was == now:
        return []
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            d for name in sorted({*was, *now}) for d in _differences(f"{path}{name}.", was.get(name), now.get(name))
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = enumerate(zip(was, now, strict=True))
        return [d for at, (a, b) in pairs for d in _differences(f"{path}{at}.", a, b)]
    return [Difference(path.rstrip("."), *_shown(was, now))]


def _shown(was: object, now: object) -> tuple[str, str]:
    """Both as JSON; of long ones the part where they begin to differ."""
    texts = [json.dumps(value, ensure_ascii=False) for value in (was, now)]
    same = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(0, same - SHOWN // 4)
    return _cut(texts[0], start), _cut(texts[1], start)


def _cut(text: str, start: int) -> str:
    if len(text) <= SHOWN:
        return text
    part = text[start : start + SHOWN]
    return f"{'…' if start else ''}{part}{'…' if start + SHOWN < len(text) else ''} ({len(text)} characters)"
