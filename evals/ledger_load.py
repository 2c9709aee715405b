"""Invented decisions in quantity, made by the code that makes real ones, for benchmarks and mutation tests of the ledger."""

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from compliance_assets.contracts.canonical import canonical_json, content_id, sha256_hex
from compliance_assets.contracts.hit import Hit, RetrievalMethod
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.decide import SourceDocument, decide
from compliance_assets.model_decisions.store import Recordable, recordable
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.year_index.retrieved import Retrieved
from resources.providers import Completion

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RELEASE = Release(
    prompt_version="ddq.draft_response@1", threshold_version=None, router_map="r" * 64, policy_bundle=None,
    chunker="sentence-window/1", embedder_digest="e" * 64, index_parameters="i" * 64, golden_set=None, code_version="bench",
)  # fmt: skip
WORDS = ("rendimento", "tributável", "dedução", "imposto", "retido", "fonte", "declaração", "anual", "contribuinte")


@dataclass(frozen=True, slots=True)
class Load:
    """The shape of invented decisions: `hits` passages of `words` words, of a filing and of `law` documents all share."""

    hits: int = 2
    words: int = 30
    documents: int = 2
    years: tuple[int, ...] = (2021, 2022, 2023, 2024)
    persons: bool = True


def decisions(load: Load, start: int, count: int, seed: str = "") -> Iterator[Recordable]:
    """Decisions `start` … `start + count - 1`: each of a filing of its own, most hits in it, the others in its year's law."""
    for number in range(start, start + count):
        yield _decision(load, number, random.Random(f"{seed}{number}"))  # noqa: S311


def law_of(load: Load, year: int) -> list[str]:
    """The documents that every decision of a year touches."""
    return [content_id("doc", "law", year, at) for at in range(load.documents - 1)]


def hits_of(load: Load, number: int) -> list[str]:
    """The documents of a decision: a filing of its own, then the law."""
    return [content_id("doc", "filing", number), *law_of(load, load.years[number % len(load.years)])]


def _decision(load: Load, number: int, rng: random.Random) -> Recordable:
    year = load.years[number % len(load.years)]
    doc_ids = hits_of(load, number)
    person = (f"cpf:{number:011}",) if load.persons else ()
    sources = tuple(
        SourceDocument(
            doc_id, year, "Declaração", sha256_hex(doc_id), sha256_hex(f"raw {doc_id}"), person if at == 0 else ()
        )
        for at, doc_id in enumerate(doc_ids)
    )
    retrieved = [_hit(load, year, doc_ids[rank % len(doc_ids)], number, rank, rng) for rank in range(load.hits)]
    texts = {r.hit.doc_id: r.text for r in retrieved}
    decision = decide(
        WorkItem("ddq.draft_response", year, f"Qual é o imposto devido na declaração {number}?", item_id=str(number)),
        retrieved,
        _Quoting(retrieved),
        lambda doc_id, start, end: texts[doc_id][start:end],
        RELEASE,
        f"ix_{year}",
        STARTED + timedelta(milliseconds=number),
        salt=rng.randbytes(16),
        query_vector=base64.b64encode(rng.randbytes(64)).decode(),
    )
    return recordable(decision, sources, 0.01)


def _hit(load: Load, year: int, doc_id: str, number: int, rank: int, rng: random.Random) -> Retrieved:
    text = f"Declaração {number}, parte {rank}: " + " ".join(rng.choices(WORDS, k=load.words)) + "."
    method = RetrievalMethod(
        embedder="hash-384", embedder_digest="e" * 64, index_version=f"ix_{year}", mode="dense",
        scope=WorkItem("ddq.draft_response", year, "").scope, opt_in_years=(),
    )  # fmt: skip
    score = round(rng.uniform(0.4, 0.9), 9)
    hit = Hit(
        rank=rank + 1, chunk_id=content_id("ck", doc_id, rank), doc_id=doc_id, doc_title="Declaração", page=1,
        char_range=(0, len(text)), embedding_score=score, lexical_score=None, score=score, method=method,
    )  # fmt: skip
    return Retrieved(hit, text)


@dataclass(frozen=True, slots=True)
class _Quoting:
    """A model that quotes the first passage."""

    retrieved: Sequence[Retrieved]
    model: str = "local/bench"

    def complete(self, prompt: str) -> Completion:
        first = self.retrieved[0]
        answer = {
            "decision": "answered",
            "confidence": 0.9,
            "segments": [{"text": first.text[:60], "cited_chunk_ids": [first.hit.chunk_id]}],
            "citations": [{"chunk_id": first.hit.chunk_id, "quote": first.text[:60]}],
        }
        return Completion(canonical_json(answer).decode(), self.model, "local", 1, 0.01)
