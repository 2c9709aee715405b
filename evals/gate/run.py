"""Evaluates a candidate: every filing of the sets through the decision path with what the candidate serves with.

Workload, prompt, policy and route are the candidate's; chunker, embedder and models are the deployment's. Nothing is stored but
the evaluation itself, in the cache.
"""

import hmac
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from random import Random

from compliance_assets.chunks.chunker import Chunker, chunker_for
from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.governance.policy import Example, examples_in, mismatches
from compliance_assets.model_decisions.answer import AnswerSegment, ModelAnswer
from compliance_assets.model_decisions.citations import ABSTENTIONS, resolve
from compliance_assets.model_decisions.decide import Decision, Exchange, reason_code
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.grounding import grounding_of
from compliance_assets.model_decisions.post_checks import problems_of
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, Running
from compliance_assets.model_decisions.releases.serving import running_of
from compliance_assets.model_decisions.workloads import Workload
from evals import citation_attacks
from evals.citation_attacks import KINDS, Attack, attacks, quotable
from evals.citation_material import filings
from evals.gate.cache import EvaluationCache, name_of
from evals.gate.evaluation import MEASURED, Attacks, Case, Evaluation, Fixtures
from evals.gate.gate import CODE_VERSION
from evals.gate.scans import READINGS, read_with, scanned
from evals.gate.sets import WHOLE, Sets
from evals.golden.golden_set import Row
from evals.golden.rules import CATEGORY
from evals.triage_material import LawIndex, Material, law_index, materials
from evals.triage_run import Setting, decided
from resources.policy import RegoEngine
from resources.progress import Progress, Silent
from resources.providers import ModelRequest, Models
from resources.settings import Settings

_SEED = 20_260_401
_ATTACKED = 60  # filings that bad citations are made of


@dataclass(frozen=True, slots=True)
class Bench:
    """What every candidate is measured on: the filings read and in chunks, the law, bad citations, the policy's examples; and the
    models that can be asked.
    """

    golden: tuple[Material, ...]
    calibration: tuple[Material, ...]
    golden_set: str
    calibration_set: str
    reading: str
    law: LawIndex
    attacks: tuple[Attack, ...]
    examples: tuple[Example, ...]
    models: Models


def evaluation_of(
    desk: Desk, settings: Settings, bundle: ReleaseBundle, sets: Sets = WHOLE, *, bench: Bench | None = None
) -> Evaluation:
    """The evaluation of a release's files under what runs here; the one that was made before where nothing changed since.

    Raises DependencyUnavailable where a model of the candidate's route does not answer, IntegrityError where the scans have to
    be read again.
    """
    running = running_of(desk.embedder, sets.golden_digest, desk.reranker)
    cache = _cache_of(desk, settings)
    name = name_of(
        CODE_VERSION, bundle.manifest(running).release_id, bundle.digest, sets.calibration_digest, sets.attacks, reading(),
        sorted(desk.models.regions),
    )  # fmt: skip
    found = cache.find(name)
    if found is None:
        found = evaluate(bundle, running, bench or bench_of(desk, sets), desk.progress)
        cache.keep(name, found)
    return found


def evaluate(bundle: ReleaseBundle, running: Running, bench: Bench, progress: Progress | None = None) -> Evaluation:
    """What a candidate does on the bench. Raises DependencyUnavailable where no model answers."""
    workload = bundle.workload(MEASURED)
    policy = RegoEngine(bundle.policy)
    setting = Setting(workload, policy, bench.models, bundle.router_map.route(MEASURED).call, bench.law)
    told = progress or Silent()
    return Evaluation(
        release=bundle.manifest(running),
        golden_set=bench.golden_set,
        calibration_set=bench.calibration_set,
        gate_version=CODE_VERSION,
        reading=bench.reading,
        auto_decide=workload.thresholds.auto_decide,
        contracts={name: contract_of(each) for name, each in bundle.workloads.items()},
        golden=_cases("golden filings", bench.golden, setting, told),
        calibration=_cases("calibration filings", bench.calibration, setting, told),
        citation_attacks=_attacked(workload, bench.attacks),
        policy_fixtures=_fixtures(policy, bench.examples),
    )


def bench_of(desk: Desk, sets: Sets) -> Bench:
    """The bench of a deployment: its chunker, embedder and models. Raises IntegrityError where scans have to be read again."""
    chunker = chunker_for(desk.embedder)
    return Bench(
        golden=_materials(sets.golden_rows, chunker),
        calibration=_materials(sets.calibration_rows, chunker),
        golden_set=sets.golden_digest,
        calibration_set=sets.calibration_digest,
        reading=reading(),
        law=law_index(desk.embedder, chunker),
        attacks=_attacks(chunker, sets.attacks),
        examples=examples_in(desk.policy.bundle.folder),
        models=desk.models,
    )


def reading() -> str:
    """How documents became text: normaliser, engine, and the digest of what it read."""
    return f"{read_with()}, {sha256_hex(READINGS.read_bytes())[:16]}"


def contract_of(workload: Workload) -> str:
    """The digest of a workload with its prompt."""
    return digest_of({"workload": workload.digest, "prompt": sha256_hex(workload.template_text)})


def _cache_of(desk: Desk, settings: Settings) -> EvaluationCache:
    key = hmac.digest(desk.keyring.content_key(settings.organization_id), b"evaluations", "sha256")
    return EvaluationCache(settings.data_dir / "evaluations", key)


def _materials(rows: Sequence[Row], chunker: Chunker) -> tuple[Material, ...]:
    """In the order of the rows."""
    text = [row for row in rows if row["format"] != "scan"]
    read = {m.row["id"]: m for m in (*scanned(rows, chunker), *materials(text, chunker, "none"))}
    return tuple(read[row["id"]] for row in rows)


# ── one filing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _cases(what: str, filings_: Sequence[Material], setting: Setting, progress: Progress) -> tuple[Case, ...]:
    found = []
    for number, material in enumerate(filings_, start=1):
        found.append(case_of(material, decided(material, setting), setting))
        progress.advance(what, number, len(filings_))
    return tuple(found)


def case_of(material: Material, made: Decision, setting: Setting) -> Case:
    """A decision held against the filing's truth."""
    row, envelope = material.row, made.envelope
    truth = {name: str(found["value"]) for name, found in row["fields"].items()}
    read = {found.name: found.value for found in envelope.fields}
    exact = [name for name in truth if read.get(name) == truth[name]]
    quotes = {found.name: envelope.citations[found.citation].quote for found in envelope.fields}
    texts = {one.hit.chunk_id: one.text for one in made.evidence.hits}
    prompts, answers = zip(*map(_tokens, made.exchanges), strict=True) if made.exchanges else ((), ())
    return Case(
        filing=row["id"],
        format=material.format,
        year=material.year,
        category=row["category"],
        true_type=row["return_type"],
        outcome=made.outcome,
        reason=reason_code(made.reason),
        decision=envelope.decision,
        fields=len(truth),
        exact=len(exact),
        misread={name: read[name] for name in truth if name in read and read[name] != truth[name]},
        made_up={name: read[name] for name in read if name not in truth},
        left_out=tuple(name for name in truth if name not in read),
        anomalies=tuple(sorted({anomaly.kind for anomaly in envelope.anomalies})),
        true_anomalies=tuple(sorted(row["anomalies"])),
        citations=len(envelope.citations),
        supported=sum(_holds(quotes[name], str(row["fields"][name]["printed"])) for name in exact),
        problems=_codes(made),
        out_of_scope=_out_of_scope(material, made, setting.law),
        grounding=grounding_of(envelope.response_segments, texts, setting.question),
        confidence=made.confidence.value,
        components=asdict(made.confidence),
        sent_back=max(len(made.exchanges) - 1, 0),
        prompt_tokens=sum(prompts),
        answer_tokens=sum(answers),
        seconds=sum(exchange.completion.latency_seconds for exchange in made.exchanges),
    )


def _holds(quote: str, printed: str) -> bool:
    """Whether a quote holds what the filing prints, white space apart."""
    return "".join(printed.split()) in "".join(quote.split())


def _codes(made: Decision) -> tuple[str, ...]:
    """What was wrong with the last answer, or why none was asked for, without its particulars."""
    if not made.exchanges:
        return tuple(filter(None, [reason_code(made.reason)]))
    parts = (problem.split(": ") for problem in made.exchanges[-1].problems)
    return tuple(sorted({part[1] if part[0] == "citations_invalid" and len(part) > 1 else part[0] for part in parts}))


def _out_of_scope(material: Material, made: Decision, law: LawIndex) -> tuple[str, ...]:
    """Documents in the prompt or cited that are neither the filing nor the law of its year."""
    own = material.row["id"]
    seen = {*(one.hit.doc_id for one in made.evidence.hits), *(cited.doc_id for cited in made.envelope.citations)} - {
        own
    }
    in_scope = {
        chunk.doc_id for chunk in law.chunks if chunk.year == material.year and chunk.filer_category == CATEGORY
    }
    return tuple(sorted(seen - in_scope))


def _tokens(exchange: Exchange) -> tuple[int, int]:
    """Of prompt and answer: as the provider counts them, else as estimated from their length."""
    completion = exchange.completion
    prompt, answer = (ModelRequest(text).estimated_tokens for text in (exchange.prompt, completion.text))
    return completion.input_tokens or prompt, completion.output_tokens or answer


# ── what must be refused ─────────────────────────────────────────────────────────────────────────────────────────────


def _attacks(chunker: Chunker, each: int) -> tuple[Attack, ...]:
    """The same every time."""
    documents = list(filings(chunker, "golden", _ATTACKED))
    chance = Random(_SEED)  # noqa: S311 (the same seed gives the same attacks)
    material = citation_attacks.Material(documents, [q for d in documents for q in quotable(d)], chance)
    return tuple(attack for kind in KINDS for attack in attacks(kind, material, each)[0])


def _attacked(workload: Workload, attempts: Sequence[Attack]) -> Attacks:
    """Each bad citation by itself, put to the workload's contract."""
    accepted = tuple(f"{a.kind} of {a.hits[0].hit.doc_id}" for a in attempts if not _refused(workload, a))
    return Attacks(tried=len(attempts), accepted=accepted)


def _refused(workload: Workload, attack: Attack) -> bool:
    answer = ModelAnswer(
        decision=next(name for name in workload.decisions if name not in ABSTENTIONS),
        confidence=1.0,
        segments=(AnswerSegment(text="x", cited_chunk_ids=(attack.cited.chunk_id,)),),
        citations=(attack.cited,),
    )
    held = resolve(
        answer,
        attack.hits,
        lambda doc_id, start, end: attack.documents[doc_id].text[start:end],
        (attack.year,),
        require_citations=workload.require_citations,
        values_in_quotes=workload.fields_are_quoted,
        document_years={doc_id: found.year for doc_id, found in attack.documents.items()},
        page_of=lambda doc_id, start, end: attack.documents[doc_id].page_of(start, end),
    )
    return bool(held.problems or problems_of(workload, answer))


def _fixtures(policy: RegoEngine, examples: Sequence[Example]) -> Fixtures:
    failed = [example.name for example in examples if mismatches(example, policy.evaluate(example.input))]
    return Fixtures(held=len(examples) - len(failed), failed=tuple(failed))
