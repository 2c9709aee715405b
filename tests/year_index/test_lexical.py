"""The lexical index as bytes: what it finds, in which order, and what it leaves behind."""

import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from compliance_assets.year_index import lexical
from compliance_assets.year_index.lexical import LexicalEntry, LexicalIndex, build, digest_of_pieces, terms_of

K1, B = 1.2, 0.75
WORDS = ["custody", "fund", "bank", "reserve", "margin", "audit", "yield", "proxy", "hedge", "broker"]
PASSAGE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(
    " ".join
)  # up to 40 terms lengths are kept exactly
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates among them


def entry(number: int, text: str, category: str | None = None, header: str = "") -> LexicalEntry:
    return LexicalEntry(f"ck_{number:04}", f"doc_{number // 10}", category, header, text)


def opened(entries: Sequence[LexicalEntry]) -> LexicalIndex:
    pieces = build(entries)
    return LexicalIndex(pieces, digest_of_pieces(pieces))


def found(texts: Sequence[str], question: str) -> list[int]:
    """Numbers of the texts that a question finds, best first."""
    hits = opened([entry(number, text) for number, text in enumerate(texts)]).search(question, None, 1_000)
    return [int(hit.chunk_id[3:]) for hit in hits]


def published_scores(texts: Sequence[str], question: str) -> np.ndarray:
    """BM25 (Robertson & Zaragoza 2009, equation 3.15) with Lucene's idf: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    counts = [Counter(terms_of(text)) for text in texts]
    lengths = np.array([sum(count.values()) for count in counts])
    scores = np.zeros(len(texts))
    for term in set(terms_of(question)):
        frequency = np.array([count[term] for count in counts])
        holding = int(np.count_nonzero(frequency))
        idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        scores += idf * frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * lengths / lengths.mean()))
    return scores


@settings(deadline=None, max_examples=40)
@given(st.lists(PASSAGE, min_size=1, max_size=40), PASSAGE)
def test_the_ranking_is_that_of_the_published_formula(texts: list[str], question: str) -> None:
    expected = published_scores(texts, question)

    hits = opened([entry(number, text) for number, text in enumerate(texts)]).search(question, None, 100)

    assert len(hits) == np.count_nonzero(expected)
    scores = [hit.score for hit in hits]
    assert scores == pytest.approx(expected[[int(hit.chunk_id[3:]) for hit in hits]], rel=1e-4)
    assert scores == sorted(scores, reverse=True)


def test_what_scores_alike_comes_by_chunk_id() -> None:
    index = opened([entry(number, "the bank" if number % 2 else "a proxy") for number in (5, 3, 4, 1, 2)])

    assert [hit.chunk_id for hit in index.search("bank", None, 9)] == ["ck_0001", "ck_0003", "ck_0005"]


def test_a_header_counts_like_the_text() -> None:
    index = opened([entry(0, "liquidity", header="Northwind 2021"), entry(1, "liquidity", header="Southwind 2021")])

    assert [hit.chunk_id for hit in index.search("Southwind", None, 5)] == ["ck_0001"]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Net sales were 1,234.5 million", "1.234,5"),
        ("Net sales were 1,234.5 million", "1234.5"),
        ("12.345.678,90", "12,345,678.90"),
        ("the POLICIES of the fund", "policy"),
        ("despesas médicas", "DESPESA medica"),
        ("retencao na fonte", "retenção"),
        ("imóvel vendido", "casas vendidas"),
        ("tributac\u0327a\u0303o", "tributação"),  # accents as characters of their own
        ("the of\ufb01ce", "office"),  # a ligature
    ],
)
def test_a_word_or_number_is_found_however_it_is_written(written: str, asked: str) -> None:
    assert found(["something else", written], asked) == [1]


def test_a_number_is_not_found_by_its_parts() -> None:
    assert found(["8,738 and 9,999", "738 and 8"], "8738") == [0]


def test_a_question_is_words_and_never_a_query_language() -> None:
    assert found(["custody", "text"], 'custody AND NOT text:custody "text -custody" (^~*?') == [0, 1]


def test_a_category_is_exact_and_none_means_every() -> None:
    categories = [None, "", " ", "Ärzte", "A\u0308rzte", "ärzte", "a\u2028b\x00", "x" * 70_000]
    index = opened([entry(number, "custody", category) for number, category in enumerate(categories)])

    assert len(index.search("custody", None, 100)) == len(categories)
    for number, category in enumerate(categories[1:], start=1):
        assert [hit.chunk_id for hit in index.search("custody", category, 100)] == [f"ck_{number:04}"]
    assert index.search("custody", "another", 100) == []


def test_a_category_does_not_change_a_score() -> None:
    index = opened(
        [entry(number, f"custody {'bank ' * number}", "even" if number % 2 == 0 else None) for number in range(9)]
    )

    scores = {hit.chunk_id: hit.score for hit in index.search("custody bank", None, 9)}

    assert {hit.chunk_id: hit.score for hit in index.search("custody bank", "even", 9)}.items() <= scores.items()


@settings(deadline=None, max_examples=200)
@given(ANY_TEXT, st.none() | ANY_TEXT, st.integers(-1, 2**62))
def test_any_text_is_a_question(question: str, category: str | None, depth: int) -> None:
    assert isinstance(INDEX.search(question, category, depth), list)


@settings(deadline=None, max_examples=20)
@given(st.lists(ANY_TEXT, max_size=5))
def test_any_text_can_be_indexed_and_is_found_by_itself(texts: list[str]) -> None:
    index = opened([entry(number, text, text, text) for number, text in enumerate(texts)])

    assert len(index) == len(texts)
    for number, text in enumerate(texts):
        hits = {hit.chunk_id for hit in index.search(text, text, 100)}
        assert (f"ck_{number:04}" in hits) == bool(terms_of(text))


def test_a_very_long_question_is_asked_by_its_rarest_words() -> None:
    texts = [*(f"common common{number // 2} rare{number}" for number in range(400)), "common"]

    hits = found(texts, " ".join(["common", *(f"common{number}" for number in range(200)), "rare7"]))

    assert hits[0] == 7
    assert 400 not in hits


def test_among_many_chunks_a_word_of_most_of_them_is_asked_for_only_where_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexical, "MANY_CHUNKS", 4)
    texts = ["fund", "fund custody", "fund margin", "custody"]

    assert found(texts, "custody fund") == [3, 1]
    assert found(texts, "fund") == [0, 1, 2]


def test_the_same_entries_give_the_same_bytes_in_every_process() -> None:
    script = (
        "from tests.year_index.test_lexical import ENTRIES, build, digest_of_pieces;"
        "print(digest_of_pieces(build(ENTRIES)))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()

    assert told == digest_of_pieces(build(iter(ENTRIES)))


def test_pieces_are_of_limited_size_and_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(ENTRIES)
    monkeypatch.setattr(lexical, "PIECE_BYTES", 1_000)
    pieces = build(ENTRIES)

    assert len(pieces) > 10
    assert max(map(len, pieces)) <= 1_000
    assert b"".join(pieces) == b"".join(whole)
    assert LexicalIndex(pieces, digest_of_pieces(pieces)).search("custody 7", None, 5) == INDEX.search(
        "custody 7", None, 5
    )


def test_a_year_that_fills_several_segments_scores_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(3)
    entries = [entry(n, " ".join(map(str, dice.zipf(1.3, 250) % 50_000))) for n in range(3_000)]
    one = opened(entries)
    monkeypatch.setattr(lexical, "WRITER_BYTES", 15_000_000)
    several = opened(entries)

    assert (one._searcher.num_segments, several._searcher.num_segments > 1) == (1, True)
    for question in ("17 4021 9 33", "2 3 5 7 11 13 17 19", "48211"):
        assert several.search(question, None, 20) == one.search(question, None, 20)


def test_a_year_without_chunks_has_an_index_without_hits() -> None:
    assert opened([]).search("custody", None, 8) == []


@pytest.mark.parametrize("harm", ["cut", "changed", "none"])
def test_pieces_that_are_not_the_built_ones_are_refused(harm: str) -> None:
    pieces = build(ENTRIES)
    harmed = {"cut": pieces[:-1], "changed": (*pieces[:-1], bytes(len(pieces[-1]))), "none": ()}[harm]

    with pytest.raises(IntegrityError, match="not the one that was built"):
        LexicalIndex(harmed, digest_of_pieces(pieces))


def test_nothing_of_an_index_lies_on_the_disk_once_it_is_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    index = opened(ENTRIES)

    assert list(tmp_path.iterdir()) == []
    assert index.search("custody", None, 3) == INDEX.search("custody", None, 3)


def test_without_room_in_the_temporary_folder_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pieces = build(ENTRIES)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    with pytest.raises(DependencyUnavailable, match="TMPDIR"):
        LexicalIndex(pieces, digest_of_pieces(pieces))


def test_the_text_is_indexed_and_not_stored() -> None:
    held = b"".join(build([entry(0, "the custodian keeps the assets segregated")]))

    assert b"custodian keeps" not in held
    assert b"ck_0000" in held


def test_threads_share_an_index() -> None:
    questions = [f"custody {number} margin" for number in range(200)]
    alone = [INDEX.search(question, None, 8) for question in questions]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: INDEX.search(question, None, 8), questions)) == alone


ENTRIES = [
    entry(number, f"{WORDS[number % 10]} and {WORDS[number % 7]} number {number} of custody", WORDS[number % 3])
    for number in range(500)
]
INDEX = opened(ENTRIES)
