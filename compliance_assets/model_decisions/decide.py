"""One decision, step by step: policy, transforms, redaction, retrieval, egress, model, citations, confidence, outcome. Pure.

The world comes in through one port, `World`, whose calls are made in that order and no other: nothing is retrieved before the
policy answered, no model is asked before the question and what was retrieved are redacted. Micro-batches, an online service and
a replay differ in their worlds alone. What cannot be decided goes to a person with its reason; where no model answers, the
world raises DependencyUnavailable and the work stays queued.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal, Protocol

from ulid import ULID

from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput, Transform
from compliance_assets.contracts.release import Release
from compliance_assets.contracts.response_envelope import (
    Anomaly,
    Citation,
    ExtractedField,
    ResponseEnvelope,
    ResponseSegment,
    RetrievedChunk,
)
from compliance_assets.contracts.text import storable
from compliance_assets.governance.egress import EgressProfile, permitted, region_of
from compliance_assets.governance.injection.detector import THRESHOLD, flags_of, score_of
from compliance_assets.governance.injection.flags import InjectionFlag
from compliance_assets.governance.injection.linear import Origin
from compliance_assets.governance.policy import CallParameters, classification_of, transformed
from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.model_decisions import confidence as measures
from compliance_assets.model_decisions.answer import ModelAnswer, read_answer
from compliance_assets.model_decisions.citations import ABSTENTIONS, resolve
from compliance_assets.model_decisions.confidence import Confidence
from compliance_assets.model_decisions.grounding import grounding_of
from compliance_assets.model_decisions.post_checks import problems_of
from compliance_assets.model_decisions.prompt import Prompt, render_within, sent_back, tokens_at_most
from compliance_assets.model_decisions.veil import Veil, persons_stated
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload
from compliance_assets.year_index.retrieved import Retrieved
from resources.providers import Completion, ModelRequest

CODE_VERSION = "4"
Outcome = Literal["decided", "review", "quarantined", "denied"]


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document that a decision rests on, as the ledger pins it. `data_subjects` are the persons it states."""

    doc_id: str
    year: int | None
    title: str
    text_sha256: str
    object_sha256: str
    data_subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What deterministic parsing made of the document that the work is about: fields, findings, the least OCR certainty."""

    fields: Mapping[str, str]
    findings: tuple[str, ...]
    ocr_certainty: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was retrieved: the hits, best first, those of the subject document before all others; and where they come from."""

    hits: tuple[Retrieved, ...]
    documents: tuple[SourceDocument, ...]
    index_version: str
    query_vector: str
    parsed: Parsed | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision is made with, here and now. `salt` is random and kept with the sealed content, so that nothing outside
    the seal can be guessed back to the question. `regions`: every model that this deployment can ask -> where it is asked, None
    where nobody declared it.
    """

    organization_id: str
    workload: Workload
    egress_profile: EgressProfile
    release: Release
    index_version: str
    call: CallParameters
    regions: Mapping[str, str | None]
    pseudonym_key_id: str
    pseudonym_key: bytes
    now: datetime
    salt: bytes


@dataclass(frozen=True, slots=True)
class Egress:
    """Whom the prompt may go to: the models in order, why others of the route may not be asked, the regions beside the tenancy
    (`*` for every one), and the providers that the policy permits, None for all.
    """

    models: tuple[str, ...]
    refused: Mapping[str, str]
    regions: tuple[str, ...]
    providers: tuple[str, ...] | None


class World(Protocol):
    """What the path asks of the world."""

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        """The policy's decision; an outage is a decision too."""

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        """What stands in scope for the redacted question. Raises DependencyUnavailable where index or store do not answer."""

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        """The answer of the first of the models that gives one. Raises DependencyUnavailable when none does."""

    def source(self, doc_id: str, start: int, end: int) -> str:
        """Characters `[start, end)` of a document."""

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        """The page that characters stand on, None where they stand on none or on several."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One prompt and what came back. `problems` are what was wrong with it."""

    prompt: str
    completion: Completion
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A text that looks like an injection: where it stands (`question` or a chunk id), how much so, by which signs."""

    where: str
    score: float
    flags: tuple[InjectionFlag, ...]


@dataclass(frozen=True, slots=True)
class Governance:
    """What stood in the hot path: who allowed it, what was changed, hidden and found suspicious on the way."""

    policy_input: PolicyInput
    policy: PolicyDecision
    transforms: tuple[Transform, ...] = ()
    redactions: Mapping[str, int] | None = None
    injections: tuple[Suspicion, ...] = ()
    refused_models: Mapping[str, str] | None = None  # model -> why it may not be asked


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that is stored of a decision, in its tables and in the ledger. `left_out` are the chunks that were retrieved
    and did not fit into the prompt.
    """

    item: WorkItem
    at: Circumstances
    idempotency_key: str
    outcome: Outcome
    reason: str | None
    envelope: ResponseEnvelope
    confidence: Confidence
    prompt: Prompt
    exchanges: tuple[Exchange, ...]
    governance: Governance
    evidence: Evidence
    cited_chunk_ids: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def release(self) -> Release:
        """What it was made with."""
        return self.at.release

    @property
    def decided_at(self) -> datetime:
        """When."""
        return self.at.now

    @property
    def completion(self) -> Completion | None:
        """The answer that the decision rests on, None where no model was asked."""
        return self.exchanges[-1].completion if self.exchanges else None

    @property
    def retrieved(self) -> tuple[Retrieved, ...]:
        """What was found; all of it but what was left out stood in the prompt."""
        return self.evidence.hits

    @property
    def index_version(self) -> str:
        """What was searched."""
        return self.evidence.index_version


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the answers."""

    outcome: Outcome
    reason: str | None
    decision: str = "not_decided"
    segments: tuple[ResponseSegment, ...] = ()
    citations: tuple[Citation, ...] = ()
    fields: tuple[ExtractedField, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    cited_chunk_ids: tuple[str, ...] = ()
    confidence: Confidence = measures.NONE
    left_out: tuple[str, ...] = ()


@cache
def code_version() -> str:
    """The package's version and that of this path."""
    return f"{version('compliance-assets')}/{CODE_VERSION}"


def idempotency_key(item: WorkItem, release: Release, index_version: str) -> str:
    """The same input, release and index give the same decision: it is made once."""
    return content_id("idem", item.input_sha256, release.release_id, index_version)


def response_id_of(key: str, now: datetime, salt: bytes) -> str:
    """`rsp_` and a ULID: the time of the decision, then 80 bits of its salted idempotency key."""
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big")
    return f"rsp_{ULID.from_bytes(milliseconds + bytes.fromhex(sha256_hex(salt + key.encode()))[:10])}"


def reason_code(reason: str | None) -> str | None:
    """A reason without its particulars, which may quote a document."""
    return reason.split(":")[0] if reason else None


def decide(item: WorkItem, at: Circumstances, world: World) -> Decision:
    """Decide one item. Raises DependencyUnavailable when nothing can be retrieved or no model answers: nothing is decided then."""
    workload = at.workload
    asked = _policy_input(item, workload, at)
    policy = world.policy(asked)
    governance = Governance(asked, policy)
    nothing = Evidence((), (), at.index_version, "")
    if policy.denies:
        return _made(item, at, governance, nothing, (), Prompt.none(workload), _denied("policy_denied", policy.reason))
    call, transforms = transformed(at.call, policy, known_models=at.regions)
    question = Redactor(at.pseudonym_key).redact(item.question).text
    scope, strays = _scope(item, policy)
    if strays:
        reason = f"the policy does not open {', '.join(map(str, strays))}"
        return _made(item, at, governance, nothing, (), Prompt.none(workload), _denied("scope_denied", reason))
    evidence = world.retrieve(item, question, scope, policy.connector_constraints if policy.mode == "enforce" else None)
    veil = Veil.over(item, evidence.hits, _persons(evidence), at.pseudonym_key)
    fitted = render_within(workload, item, veil.question, veil.passages(item), _room(call))
    prompt, veil = fitted.prompt, veil.first(fitted.shown)
    egress = _egress(call, at, asked, policy)
    governance = replace(
        governance, transforms=transforms, redactions=veil.redactor.counts, refused_models=egress.refused,
        injections=_injections(item, veil.hits),
    )  # fmt: skip
    if not evidence.hits:  # nothing to rest on: no model is asked
        return _made(item, at, governance, evidence, (), prompt, Verdict("review", "no_documents_in_scope"))
    if not egress.models:
        why = "; ".join(f"{model}: {reason}" for model, reason in egress.refused.items())
        return _made(item, at, governance, evidence, (), prompt, _denied("egress_denied", why))
    if fitted.too_long is not None:  # cut short, a document would be judged by half of what it says
        reason = f"context_too_long: up to {fitted.too_long} tokens, and {_room(call)} are left for them"
        return _made(item, at, governance, evidence, (), prompt, Verdict("review", reason))
    exchanges, answer, resolved = _converse(workload, item.scope.years, evidence, prompt, call, egress, veil, world)
    verdict = _verdict(item, workload, evidence, governance, exchanges, answer, resolved)
    left_out = tuple(r.hit.chunk_id for r in evidence.hits[fitted.shown :])
    return _made(item, at, governance, evidence, exchanges, prompt, replace(verdict, left_out=left_out))


# ── before the model ─────────────────────────────────────────────────────────────────────────────────────────────────


def _policy_input(item: WorkItem, workload: Workload, at: Circumstances) -> PolicyInput:
    model = at.call.model_chain[0]
    return PolicyInput(
        organization_id=at.organization_id,
        user=item.user or "unnamed",
        workload=workload.name,
        classification=item.classification or workload.classification,
        model=model,
        provider_region=region_of(model, at.regions.get(model)),
        year=item.year,
        opt_in_years=item.opt_in_years,
        filer_category=item.filer_category,
        deployment_profile=at.egress_profile.name,
    )


def _scope(item: WorkItem, policy: PolicyDecision) -> tuple[RetrievalScope, tuple[int, ...]]:
    """Where retrieval may look, from the request and the policy, never from a text; and the years that the policy forbids."""
    allowed = policy.partition_constraints
    forbidden = () if allowed is None else tuple(year for year in item.scope.years if year not in allowed)
    return item.scope, forbidden if policy.mode == "enforce" else ()


def _persons(evidence: Evidence) -> tuple[str, ...]:
    subjects = (subject for document in evidence.documents for subject in document.data_subjects)
    return persons_stated(subjects, evidence.parsed.fields if evidence.parsed else {})


def _room(call: CallParameters) -> int | None:
    """The tokens of a prompt that still fit behind the guardrails; None where the route sets no limit."""
    return None if call.max_context is None else call.max_context - tokens_at_most("\n".join(call.guardrails))


def _injections(item: WorkItem, shown: Sequence[Retrieved]) -> tuple[Suspicion, ...]:
    """Every text that looks like an injection, of the question and of the passages. Recorded and doubted, never obeyed."""
    looked_at = [
        _suspicion("question", item.question, "question"),
        *(_suspicion(r.hit.chunk_id, r.text, "passage") for r in shown),
    ]
    return tuple(found for found in looked_at if found.score >= THRESHOLD)


@lru_cache(maxsize=2048)  # the law of a year stands in every prompt of it
def _suspicion(where: str, text: str, origin: Origin) -> Suspicion:
    flags = flags_of(text, origin)
    return Suspicion(where, score_of(flags), flags)


def _egress(call: CallParameters, at: Circumstances, asked: PolicyInput, policy: PolicyDecision) -> Egress:
    classification = classification_of(asked.classification, policy)
    refused: dict[str, str] = {}
    for model in call.model_chain:
        region = region_of(model, at.regions.get(model))
        if not permitted(at.egress_profile, region, classification):
            where = region or "an undeclared region"
            refused[model] = f"{classification} data may not go to {where} under {at.egress_profile.name}"
    areas = (
        () if classification in at.egress_profile.bound_to_tenancy else tuple(sorted(at.egress_profile.data_regions))
    )
    return Egress(
        tuple(model for model in call.model_chain if model not in refused),
        refused,
        areas,
        policy.provider_constraints if policy.mode == "enforce" else None,
    )


# ── the model and its citations ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Held:
    """An answer whose citations were held against the source."""

    citations: tuple[Citation, ...]
    chunk_ids: tuple[str, ...]


def _converse(
    workload: Workload,
    years: Collection[int],
    evidence: Evidence,
    prompt: Prompt,
    call: CallParameters,
    egress: Egress,
    veil: Veil,
    world: World,
) -> tuple[tuple[Exchange, ...], ModelAnswer | None, _Held | None]:
    """Ask, hold the answer against the contract and the source, send back what does not hold, at most so often and only where
    the route's context has room for it.
    """
    exchanges: list[Exchange] = []
    text, room = prompt.text, _room(call)
    while True:
        request = ModelRequest(
            prompt=text,
            temperature=call.temperature,
            max_tokens=call.max_tokens,
            guardrail="\n".join(call.guardrails) or None,
        )
        completion = world.ask(request, egress)
        answer, held, problems = _held_against(workload, call, years, evidence.documents, veil, completion, world)
        exchanges.append(Exchange(text, completion, problems))
        if not problems or len(exchanges) > workload.max_reprompts:
            return tuple(exchanges), answer, held
        text = sent_back(prompt, storable(completion.text), problems)
        if room is not None and tokens_at_most(text) > room:
            return tuple(exchanges), answer, held


def _held_against(
    workload: Workload,
    call: CallParameters,
    years: Collection[int],
    documents: Sequence[SourceDocument],
    veil: Veil,
    completion: Completion,
    world: World,
) -> tuple[ModelAnswer | None, _Held | None, tuple[str, ...]]:
    """The answer, held against its contract and against what the model was shown; then with what was hidden put back."""
    answer = read_answer(storable(completion.text))
    if isinstance(answer, str):
        return None, None, (f"answer_malformed: {answer}",)
    if broken := problems_of(workload, answer, adhere_to_template=call.require_template_adherence):
        return answer, None, tuple(f"answer_outside_contract: {problem}" for problem in broken)
    answer = veil.lifted(answer)
    resolved = resolve(
        answer,
        veil.hits,
        world.source,
        years,
        require_citations=workload.require_citations or call.require_citations,
        values_in_quotes=workload.fields_are_quoted,
        document_years={d.doc_id: d.year for d in documents},
        page_of=world.page_of,
    )
    if resolved.problems:
        return answer, None, tuple(f"citations_invalid: {problem}" for problem in resolved.problems)
    return answer, _Held(resolved.citations, resolved.chunk_ids), ()


# ── the outcome ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _denied(code: str, why: str) -> Verdict:
    return Verdict("denied", f"{code}: {why}")


def _verdict(
    item: WorkItem,
    workload: Workload,
    evidence: Evidence,
    governance: Governance,
    exchanges: Sequence[Exchange],
    answer: ModelAnswer | None,
    held: _Held | None,
) -> Verdict:
    if answer is None or held is None:
        codes = [problem.partition(": ") for problem in exchanges[-1].problems]
        return Verdict("review", f"{codes[0][0]}: {'; '.join(rest for *_, rest in codes)}")
    if answer.decision in ABSTENTIONS:
        return Verdict("review", answer.decision, answer.decision)
    found = Verdict(
        "decided",
        None,
        answer.decision,
        tuple(ResponseSegment(text=s.text, cited_chunk_ids=s.cited_chunk_ids) for s in answer.segments),
        held.citations,
        tuple(ExtractedField(name=f.name, value=f.value, citation=f.citation) for f in answer.fields),
        tuple(Anomaly(kind=a.kind, explanation=a.explanation, citations=a.citations) for a in answer.anomalies),
        held.chunk_ids,
    )
    computed = _confidence(item, workload, evidence, governance, exchanges, answer, found)
    outcome, reason = _outcome(workload, found, computed)
    return replace(found, outcome=outcome, reason=reason, confidence=computed)


def _outcome(workload: Workload, found: Verdict, computed: Confidence) -> tuple[Outcome, str | None]:
    """Held back where it says what nothing supports; to a person where there is something to look at; else decided."""
    if workload.quarantine is not None and computed.grounding is not None and computed.grounding < workload.quarantine:
        return "quarantined", f"ungrounded: {computed.grounding:.2f} of what a segment says stands in what it cites"
    if found.anomalies:
        return "review", f"anomalies_found: {', '.join(sorted({anomaly.kind for anomaly in found.anomalies}))}"
    if computed.value < workload.auto_decide:
        return "review", f"low_confidence: {computed.value:.3f} is below {workload.auto_decide}"
    return "decided", None


def _confidence(
    item: WorkItem,
    workload: Workload,
    evidence: Evidence,
    governance: Governance,
    exchanges: Sequence[Exchange],
    answer: ModelAnswer,
    found: Verdict,
) -> Confidence:
    by_id = {r.hit.chunk_id: r for r in evidence.hits}
    cited = [by_id[chunk_id] for chunk_id in found.cited_chunk_ids]
    searched = [r.hit.embedding_score for r in cited if r.hit.doc_id != item.document_id]
    parsed = evidence.parsed
    suspicion = max((found.score for found in governance.injections), default=0.0)
    return Confidence(
        retrieval=measures.retrieval_of(searched) if item.document_id is None else None,
        citations_valid=measures.citations_valid_of(found.citations),
        field_agreement=measures.field_agreement_of(parsed.fields, found.fields) if parsed else None,
        rule_agreement=measures.rule_agreement_of(parsed.findings, found.anomalies) if parsed else None,
        stability=measures.stability_of(len(exchanges) - 1),
        ocr_certainty=parsed.ocr_certainty if parsed else None,
        injection_free=1.0 - suspicion,
        grounding=None
        if workload.quarantine is None
        else grounding_of(found.segments, {chunk_id: r.text for chunk_id, r in by_id.items()}, item.question),
        model_reported=answer.confidence,
    )


def _made(
    item: WorkItem,
    at: Circumstances,
    governance: Governance,
    evidence: Evidence,
    exchanges: tuple[Exchange, ...],
    prompt: Prompt,
    verdict: Verdict,
) -> Decision:
    key = idempotency_key(item, at.release, at.index_version)
    if verdict.outcome == "denied" and governance.policy.outage is not None:
        key = content_id(
            "idem", key, at.salt.hex()
        )  # who asks again when the policy answers again gets another decision
    model = exchanges[-1].completion.model if exchanges else at.call.model_chain[0]
    envelope = ResponseEnvelope(
        response_id=response_id_of(key, at.now, at.salt),
        workload=item.workload,
        model=model,
        prompt_hash=prompt.prompt_hash,
        retrieved_chunks=tuple(_retrieved_chunk(r) for r in evidence.hits if r.hit.chunk_id not in verdict.left_out),
        response_segments=verdict.segments,
        decision=verdict.decision,
        confidence=verdict.confidence.value,
        citations=verdict.citations,
        fields=verdict.fields,
        anomalies=verdict.anomalies,
    )
    return Decision(
        item=item,
        at=at,
        idempotency_key=key,
        outcome=verdict.outcome,
        reason=verdict.reason,
        envelope=envelope,
        confidence=verdict.confidence,
        prompt=prompt,
        exchanges=exchanges,
        governance=governance,
        evidence=evidence,
        cited_chunk_ids=verdict.cited_chunk_ids,
        left_out=verdict.left_out,
    )


def _retrieved_chunk(retrieved: Retrieved) -> RetrievedChunk:
    hit = retrieved.hit
    return RetrievedChunk(
        chunk_id=hit.chunk_id,
        doc_id=hit.doc_id,
        doc_title=hit.doc_title,
        page=hit.page,
        char_range=hit.char_range,
        embedding_score=hit.embedding_score,
    )
