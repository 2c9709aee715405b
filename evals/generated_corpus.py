"""A corpus of any size for benchmarks of the index: invented passages with vectors that lie as a real model's do.

The vectors are a mixture in two levels. Topics (300, Zipf-sized) hold subtopics (one for every eight passages, sizes drawn from
a Pareto law: most hold a handful, some hundreds), and a passage scatters around its subtopic, each by an amount of its own.
All of it has the spectrum and the mean that the vectors of MiniLM have over filings, turned by a random rotation. Sizes and
scatter were chosen so that the similarity of the 1st, 8th and 64th neighbour and the local intrinsic dimension come out as
measured on real vectors; `geometry` measures both alike, and the benchmark prints them side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import store as embedding_store
from compliance_assets.raw_pulls import store as pull_store
from resources.postgres import Connection

Floats = NDArray[np.float32]

CATEGORIES = ("Aldermoor", "Birchfield", "Coldharbour", "Dunmore", "Eastvale", "Fernhill", "Greywater", "Hollins")
SHARES = (0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.015, 0.005)  # of the passages; a subtopic belongs to one category
DIMENSION = 384
# The share of the variance along some of MiniLM's principal axes, by rank, over 20,465 windows of filings, and the length of
# their mean.
SPECTRUM = {
    0: 0.0656,
    1: 0.0615,
    4: 0.0307,
    9: 0.0174,
    19: 0.0106,
    49: 0.0045,
    99: 0.0022,
    199: 7e-4,
    299: 2e-4,
    383: 5e-5,
}
MEAN_LENGTH = 0.518
TOPICS, PASSAGES_A_SUBTOPIC = 300, 8
TOPIC_SCATTER, SUBTOPIC_SCATTER, PASSAGE_SCATTER, SPREAD_OF_SCATTER, PARETO = 0.55, 0.42, 0.42, 0.5, 0.5
PASSAGES_A_DOCUMENT, BATCH = 100, 20_000
VOCABULARY, WORDS_A_PASSAGE = 30_000, 80
SOURCE = "src_generated"
_SYLLABLES = tuple(first + second for first in "bdfgklmnprtvz" for second in ("ak", "ob", "uk", "ip"))


class ClusteredVectors:
    """Unit vectors of one mixture. The same seed and size give the same mixture."""

    def __init__(self, size: int, seed: int = 11) -> None:
        dice = np.random.default_rng([seed, size])
        variances = np.exp(np.interp(np.arange(DIMENSION), list(SPECTRUM), np.log(list(SPECTRUM.values()))))
        rotation = np.linalg.qr(dice.normal(size=(DIMENSION, DIMENSION)))[0]
        self._axes = (np.sqrt(variances / variances.sum())[:, None] * rotation.T).astype(np.float32)
        mean = dice.normal(size=DIMENSION)
        self._mean = (MEAN_LENGTH * mean / np.linalg.norm(mean)).astype(np.float32)
        subtopics = max(len(CATEGORIES), size // PASSAGES_A_SUBTOPIC)
        zipf = 1 / np.arange(1, TOPICS + 1)
        topics = dice.normal(size=(TOPICS, DIMENSION)).astype(np.float32)
        own = dice.normal(size=(subtopics, DIMENSION)).astype(np.float32)
        self._centres = (
            TOPIC_SCATTER * topics[dice.choice(TOPICS, subtopics, p=zipf / zipf.sum())] + SUBTOPIC_SCATTER * own
        )
        sizes = (1 - dice.random(subtopics)) ** -PARETO
        self._share = sizes / sizes.sum()
        self._category = dice.choice(len(CATEGORIES), subtopics, p=SHARES)

    def draw(self, count: int, stream: int) -> tuple[Floats, NDArray[np.int64]]:
        """(`count` vectors, the number of each one's category). Another stream, other vectors of the same mixture."""
        dice = np.random.default_rng([99, stream])
        subtopic = dice.choice(len(self._share), count, p=self._share)
        scatter = (PASSAGE_SCATTER * np.exp(SPREAD_OF_SCATTER * dice.normal(size=(count, 1)))).astype(np.float32)
        noise = dice.standard_normal((count, DIMENSION), dtype=np.float32)
        vectors = self._mean + (self._centres[subtopic] + scatter * noise) @ self._axes
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), self._category[subtopic]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How vectors lie: medians with the 10th and 90th percentile over sampled vectors, each against all the others."""

    vectors: int
    similarity_1st: tuple[float, float, float]
    similarity_8th: tuple[float, float, float]
    similarity_64th: tuple[float, float, float]
    local_dimension: tuple[float, float, float]
    similarity_of_pairs: float


def geometry(vectors: Floats, sample: int = 400) -> Geometry:
    """The cosine to the 1st, 8th and 64th neighbour, and the local intrinsic dimension.

    The latter is the maximum-likelihood estimate of Levina & Bickel (2004) over 64 neighbours, by Euclidean distance.
    """
    dice = np.random.default_rng(5)
    chosen = dice.choice(len(vectors), min(sample, len(vectors)), replace=False)
    similarities = vectors[chosen] @ vectors.T
    similarities[np.arange(len(chosen)), chosen] = -2  # not itself
    near = -np.sort(-similarities, axis=1)[:, :64]
    distances = np.sqrt(np.maximum(2 - 2 * near, 1e-9))
    dimension = 1 / np.mean(np.log(distances[:, -1:] / distances[:, :-1]), axis=1)
    first, second = dice.integers(len(vectors), size=(2, 20_000))
    return Geometry(
        vectors=len(vectors),
        similarity_1st=_spread(near[:, 0]),
        similarity_8th=_spread(near[:, 7]),
        similarity_64th=_spread(near[:, 63]),
        local_dimension=_spread(dimension),
        similarity_of_pairs=round(float(np.mean(np.sum(vectors[first] * vectors[second], axis=1))), 3),
    )


def _spread(values: Floats) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [10, 50, 90])
    return round(float(low), 3), round(float(middle), 3), round(float(high), 3)


def words(texts: int, length: int, stream: int) -> list[str]:
    """Texts of invented words, whose frequencies follow Zipf's law as a language's do."""
    dice = np.random.default_rng([7, stream])
    ranks = np.exp(dice.random((texts, length)) * np.log(VOCABULARY)).astype(np.int64)
    return [" ".join([_word(rank) for rank in row]) for row in ranks.tolist()]


@lru_cache(maxsize=VOCABULARY)
def _word(rank: int) -> str:
    """The word of a rank: syllables that no stemmer touches."""
    syllables = ""
    while rank:
        rank, digit = divmod(rank, len(_SYLLABLES))
        syllables += _SYLLABLES[digit]
    return syllables


def streams(size: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """(stream, how many to draw from it) for passages `first` to `size`: what `store_passages` stores."""
    for start in range(first, size, BATCH):
        yield start, min(BATCH, size - start)


def store_passages(deployment: Deployment, year: int, vectors: ClusteredVectors, size: int, first: int = 0) -> None:
    """Put passages of a year into the tables, as if documents had been taken in, chunked and embedded.

    No two organisations' documents have the same id, though their passages and vectors be the same.
    """
    with deployment.postgres.connect() as conn:
        pull_store.register_source(conn, SOURCE, "file:///generated")
        for start, count in streams(size, first):
            drawn, categories = vectors.draw(count, start)
            _store_batch(conn, deployment, year, start, drawn, categories)
            conn.commit()


def _store_batch(
    conn: Connection, deployment: Deployment, year: int, start: int, vectors: Floats, categories: NDArray[np.int64]
) -> None:
    version, embedder = chunker_for(deployment.embedder).version, deployment.embedder
    order = np.argsort(categories, kind="stable")
    texts, said = words(len(vectors), WORDS_A_PASSAGE, start), 0
    documents, chunks = [], []
    for number, rows in enumerate(_documents(order, categories)):
        doc_id = content_id("doc", "generated", deployment.postgres.organization_id, year, start, number)
        own_texts = [f"{doc_id} {text}. " for text in texts[said : said + len(rows)]]
        document, own = _document(doc_id, year, CATEGORIES[categories[rows[0]]], own_texts, version)
        said += len(rows)
        documents.append(document)
        chunks += own
    _insert_documents(conn, documents)
    chunk_store.insert(conn, documents, chunks, version)
    embedding_store.insert(
        conn, embedder.digest, embedder.precision, [chunk.text_sha256 for chunk in chunks], vectors[order]
    )


def _documents(order: NDArray[np.int64], categories: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The rows of each document: passages of one category, a hundred at most."""
    for category in range(len(CATEGORIES)):
        rows = order[categories[order] == category]
        for first in range(0, len(rows), PASSAGES_A_DOCUMENT):
            yield rows[first : first + PASSAGES_A_DOCUMENT]


def _document(
    doc_id: str, year: int, category: str, texts: Sequence[str], version: str
) -> tuple[DocumentText, list[Chunk]]:
    """A document whose passages are a page each."""
    chunks, at = [], 0
    for ordinal, text in enumerate(texts):
        chunks.append(
            Chunk.model_construct(
                chunk_id=content_id("ck", doc_id, ordinal),
                doc_id=doc_id,
                year=year,
                filer_category=category,
                ordinal=ordinal,
                page=ordinal + 1,
                char_start=at,
                char_end=at + len(text),
                section="",
                header="",
                header_sha256=None,
                text=text,
                token_count=WORDS_A_PASSAGE,
                text_sha256=sha256_hex(text),
                chunker_version=version,
            )
        )
        at += len(text)
    ends = tuple(chunk.char_end for chunk in chunks)
    return DocumentText(doc_id, year, category, "".join(texts), ends, f"{category} {year}"), chunks


def _pages(document: DocumentText) -> list[dict[str, object]]:
    starts = (0, *document.page_ends)
    return [
        {"page": page, "char_start": start, "char_end": end, "origin": "markup"}
        for page, (start, end) in enumerate(zip(starts, document.page_ends, strict=False), start=1)
    ]


def _insert_documents(conn: Connection, documents: list[DocumentText]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.raw_pulls (organization_id, pull_id, source_id, path, state, object_sha256,"
            " source_version, label)"
            " VALUES (compliance.current_organization(), %s, %s, %s, 'pulled', %s, '1', '{}')",
            [(f"pull_{d.doc_id}", SOURCE, f"{d.doc_id}.txt", sha256_hex(d.doc_id)) for d in documents],
        )
        cursor.executemany(
            "INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year, filer_category,"
            " title, state, raw_text, raw_pages, metadata, normaliser_version, text_sha256)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, 'ok', %s, %s, '{}', '1', %s)",
            [
                (
                    d.doc_id,
                    f"pull_{d.doc_id}",
                    sha256_hex(d.doc_id),
                    d.year,
                    d.filer_category,
                    f"{d.filer_category} {d.year}",
                    d.raw_text,
                    Jsonb(_pages(d)),
                    sha256_hex(d.raw_text),
                )
                for d in documents
            ],
        )
