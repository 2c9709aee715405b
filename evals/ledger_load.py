"""Invented decisions in quantity, made by the code that makes real ones, for benchmarks and mutation tests of the ledger."""

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from pgvector import HalfVector

from compliance_assets.contracts.canonical import canonical_json, content_id, sha256_hex
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.governance.egress import EgressProfile
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.decide import Circumstances, Egress, Evidence, SourceDocument, decide
from compliance_assets.model_decisions.store import Recordable, recordable
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.exact import encoded, similarity
from compliance_assets.year_index.retrieved import Retrieved
from resources.object_store import ObjectStore
from resources.pg_arrays import BinaryArray, bigints, texts
from resources.postgres import Connection
from resources.providers import Completion, ModelRequest

STARTED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RELEASE = Release(
    prompt_version="ddq.draft_response@1", threshold_version=None, router_map="r" * 64, policy_bundle=None,
    chunker="sentence-window/1", embedder_digest="e" * 64, index_parameters="i" * 64, golden_set=None, code_version="bench",
)  # fmt: skip
MODEL = "local/bench"
ALLOWED = PolicyDecision(
    allow=True, reason="allowed", policy_hash=f"sha256:{'0' * 64}", engine="regopy", mode="enforce"
)
TITLE, SOURCE, DIMENSION = "Declaração", "src_load", 32
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


@dataclass(frozen=True, slots=True)
class _Passage:
    """A chunk of an invented document, and where it stands in it."""

    chunk_id: str
    doc_id: str
    char_range: tuple[int, int]
    text: str


def person_of(number: int) -> str:
    """The data subject of a decision's filing: an invented CPF whose check digits hold."""
    base = f"{number:09}"
    for _ in range(2):  # each digit is the weighted sum of those before it, modulo 11 (Receita Federal)
        weighted = sum(int(digit) * weight for digit, weight in zip(reversed(base), range(2, 12), strict=False))
        base += str(weighted * 10 % 11 % 10)
    return f"cpf:{base}"


def _decision(load: Load, number: int, rng: random.Random) -> Recordable:
    year = load.years[number % len(load.years)]
    doc_ids = hits_of(load, number)
    passages = [_passages(load, doc_id, place) for place, doc_id in enumerate(doc_ids)]
    texts = {own[0].doc_id: _text_of(own) for own in passages}
    vector = _near(_vector_of(passages[0][0].text), rng)
    retrieved = _retrieved(year, [p for own in passages for p in own], vector)
    person = (person_of(number),) if load.persons else ()
    sources = tuple(
        SourceDocument(
            doc_id, year, TITLE, sha256_hex(texts[doc_id]), sha256_hex(_raw_of(doc_id)), person if at == 0 else ()
        )
        for at, doc_id in enumerate(texts)
    )
    item = WorkItem("ddq.draft_response", year, f"Qual é o imposto devido na declaração {number}?", item_id=str(number))
    evidence = Evidence(tuple(retrieved), sources, f"ix_{year}", encoded(vector))
    return recordable(decide(item, _circumstances(number, year, rng.randbytes(16)), _Invented(evidence, texts)), 0.01)


def _circumstances(number: int, year: int, salt: bytes) -> Circumstances:
    return Circumstances(
        organization_id="00000000-0000-4000-8000-000000000001",
        workload=workload_named("ddq.draft_response"),
        egress_profile=EgressProfile("tenancy", frozenset()),
        release=RELEASE,
        index_version=f"ix_{year}",
        call=CallParameters((MODEL,)),
        regions={MODEL: None},
        pseudonym_key_id="k1",
        pseudonym_key=b"invented pseudonym key, 32 bytes",
        now=STARTED + timedelta(milliseconds=number),
        salt=salt,
    )


@dataclass(frozen=True, slots=True)
class _Invented:
    """The world of an invented decision: a policy that allows, a model that quotes the first passage."""

    evidence: Evidence
    texts: Mapping[str, str]

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        return ALLOWED

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        return self.evidence

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        first = self.evidence.hits[0]
        answer = {
            "decision": "answered",
            "confidence": 0.9,
            "segments": [{"text": first.text[:60], "cited_chunk_ids": [first.hit.chunk_id]}],
            "citations": [{"chunk_id": first.hit.chunk_id, "quote": first.text[:60]}],
        }
        return Completion(canonical_json(answer).decode(), MODEL, "local", 1, 0.01)

    def source(self, doc_id: str, start: int, end: int) -> str:
        return self.texts[doc_id][start:end]

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        return 1


def _passages(load: Load, doc_id: str, place: int) -> list[_Passage]:
    """The passages of the document that stands at a place among a decision's: what it says depends on its id alone."""
    words, passages, start = random.Random(doc_id), [], 0  # noqa: S311
    for rank in range(place, load.hits, load.documents):
        text = f"Documento {doc_id[4:12]}, parte {rank}: " + " ".join(words.choices(WORDS, k=load.words)) + "."
        passages.append(_Passage(content_id("ck", doc_id, rank), doc_id, (start, start + len(text)), text))
        start += len(text) + 1
    return passages


def _text_of(passages: Sequence[_Passage]) -> str:
    return "\n".join(passage.text for passage in passages)


def _raw_of(doc_id: str) -> str:
    return f"raw {doc_id}"


def _vector_of(text: str) -> np.ndarray:
    """A vector that depends on the text alone, exact in half precision."""
    return np.frombuffer(hashlib.shake_128(text.encode()).digest(DIMENSION), dtype=np.uint8).astype(np.float16)


def _near(vector: np.ndarray, rng: random.Random) -> np.ndarray:
    return (vector + np.frombuffer(rng.randbytes(DIMENSION), dtype=np.uint8) // 4).astype(np.float16)


def _retrieved(year: int, passages: Sequence[_Passage], vector: np.ndarray) -> list[Retrieved]:
    """The passages as a search returns them: by their exact similarity."""
    method = RetrievalMethod(
        embedder="hash-384", embedder_digest=RELEASE.embedder_digest, index_version=f"ix_{year}", mode="dense",
        scope=WorkItem("ddq.draft_response", year, "").scope, opt_in_years=(),
    )  # fmt: skip
    scored = [(similarity(vector, _vector_of(passage.text)), passage) for passage in passages]
    scored.sort(key=lambda pair: (-pair[0], pair[1].chunk_id))
    return [
        Retrieved(
            Hit(
                rank=rank, chunk_id=p.chunk_id, doc_id=p.doc_id, doc_title=TITLE, page=1, char_range=p.char_range,
                embedding_score=score, lexical_score=None, score=score, method=method,
            ),
            p.text,
        )
        for rank, (score, p) in enumerate(scored, start=1)
    ]  # fmt: skip


# ── what the decisions rest on ───────────────────────────────────────────────────────────────────────────────────────


def store_sources(conn: Connection, made: Sequence[Recordable]) -> None:
    """What decisions rest on, as the rooms before would have left it: files, documents, chunks."""
    conn.execute(
        "INSERT INTO compliance.sources (organization_id, source_id, uri)"
        " VALUES (compliance.current_organization(), %s, 'file:///load') ON CONFLICT DO NOTHING",
        [SOURCE],
    )
    passages = _passages_of(made)
    conn.execute(_STORE_DOCUMENTS, {"source": SOURCE, **_document_columns(made, passages)})
    conn.execute(_STORE_CHUNKS, _chunk_columns(passages))


def store_for_replay(conn: Connection, objects: ObjectStore, made: Sequence[Recordable]) -> None:
    """Vectors and raw objects of decisions: with them replays are equal."""
    for doc_id in {document.doc_id for each in made for document in each.documents}:
        objects.put(_raw_of(doc_id).encode())
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.embeddings (organization_id, model_digest, text_sha256, embedding, precision_used)"
            " VALUES (compliance.current_organization(), %s, %s, %s, 'fp32') ON CONFLICT DO NOTHING",
            [
                (RELEASE.embedder_digest, sha256_hex(r.text), HalfVector(_vector_of(r.text)))
                for _, r in _passages_of(made)
            ],
        )


_STORE_DOCUMENTS = """
    WITH made AS (
        SELECT * FROM unnest(%(id)b, %(object)b, %(year)b::integer[], %(text)b, %(pages)b::jsonb[], %(digest)b, %(persons)b)
            AS m (id, object, year, text, pages, digest, persons)
    ), pulled AS (
        INSERT INTO compliance.raw_pulls (organization_id, pull_id, source_id, path, state, object_sha256, source_version, label)
        SELECT compliance.current_organization(), 'pull_' || id, %(source)s, id || '.xml', 'pulled', object, '1', '{}' FROM made
        ON CONFLICT DO NOTHING
    )
    INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year, title, state, raw_text,
        raw_pages, metadata, normaliser_version, text_sha256, data_subjects)
    SELECT compliance.current_organization(), id, 'pull_' || id, object, year, %(title)s, 'ok', text, pages, '{}', '1', digest,
        string_to_array(persons, ' ') FROM made
    ON CONFLICT DO NOTHING
"""
_STORE_CHUNKS = """
    INSERT INTO compliance.chunks (organization_id, year, chunk_id, doc_id, ordinal, page, char_start, char_end, section, text,
        token_count, text_sha256, chunker_version)
    SELECT compliance.current_organization(), year, id, doc, start, page, start, stop, '', text, 30, digest, 'load'
    FROM unnest(%(year)b::integer[], %(id)b, %(doc)b, %(page)b::integer[], %(start)b::integer[], %(stop)b::integer[],
        %(text)b, %(digest)b) AS c (year, id, doc, page, start, stop, text, digest)
    ON CONFLICT DO NOTHING
"""


def _passages_of(made: Sequence[Recordable]) -> list[tuple[int, Retrieved]]:
    """Each passage that decisions were given, once, with its year."""
    return list(
        {r.hit.chunk_id: (each.decision.item.year, r) for each in made for r in each.decision.retrieved}.values()
    )


def _document_columns(
    made: Sequence[Recordable], passages: Sequence[tuple[int, Retrieved]]
) -> dict[str, BinaryArray | str]:
    documents = list({document.doc_id: document for each in made for document in each.documents}.values())
    parts: dict[str, list[Retrieved]] = {}
    for _, found in sorted(passages, key=lambda one: one[1].hit.char_range):
        parts.setdefault(found.hit.doc_id, []).append(found)
    whole = {doc_id: "\n".join(r.text for r in found) for doc_id, found in parts.items()}
    return {
        "title": TITLE,
        "id": texts(d.doc_id for d in documents),
        "object": texts(d.object_sha256 for d in documents),
        "year": bigints(d.year or 0 for d in documents),  # none is without
        "text": texts(whole[d.doc_id] for d in documents),
        "pages": texts(_one_page(whole[d.doc_id]) for d in documents),
        "digest": texts(d.text_sha256 for d in documents),
        "persons": texts(" ".join(d.data_subjects) for d in documents),
    }


def _one_page(text: str) -> str:
    return json.dumps([{"page": 1, "char_start": 0, "char_end": len(text), "origin": "markup"}])


def _chunk_columns(passages: Sequence[tuple[int, Retrieved]]) -> dict[str, BinaryArray]:
    return {
        "year": bigints(year for year, _ in passages),
        "id": texts(r.hit.chunk_id for _, r in passages),
        "doc": texts(r.hit.doc_id for _, r in passages),
        "page": bigints(r.hit.page for _, r in passages),
        "start": bigints(r.hit.char_range[0] for _, r in passages),
        "stop": bigints(r.hit.char_range[1] for _, r in passages),
        "text": texts(r.text for _, r in passages),
        "digest": texts(sha256_hex(r.text) for _, r in passages),
    }
