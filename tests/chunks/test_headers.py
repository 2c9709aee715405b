"""What is embedded beside a chunk's text: where it stands, in words."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.chunks.headers import MAX_LINE, header_of, page_headings
from compliance_assets.contracts.canonical import sha256_hex
from resources.embedder import HashEmbedder
from tests.chunks.texts import document_of, documents

CHUNKER = chunker_for(HashEmbedder())
SENTENCE = (
    "and what follows from it for the fund is told in the notes, which were written by the board and read by all.\n"
)


def headings(*pages: str) -> list[str]:
    document = document_of(list(pages))
    return page_headings(document.raw_text, document.page_ends)


# ── a header ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("parts", "header"),
    [
        (("Acme 10-K", 2021, ("PART II", "Item 7. Results"), "Segments"), "Acme 10-K 2021\nPART II > Item 7. Results\nSegments"),
        (("Acme 2021", 2021, (), ""), "Acme 2021"),
        (("Acme FY2020", 2021, (), ""), "Acme FY2020 2021"),
        (("Acme", 2021, ("Item 7. Results",), "Results"), "Acme 2021\nItem 7. Results"),
        (("", 2021, ("Note 5 Leases",), ""), "Note 5 Leases"),
        (("", 2021, (), ""), ""),
    ],
)  # fmt: skip
def test_a_header_says_what_is_known_each_once(parts: tuple[str, int, tuple[str, ...], str], header: str) -> None:
    assert header_of(*parts) == header


def test_a_long_title_of_a_section_is_cut() -> None:
    assert header_of("", 2021, ("x" * 500, "Note 5"), "") == f"{'x' * MAX_LINE} > Note 5"


# ── page headings ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_lines_of_a_page_are_its_heading() -> None:
    assert headings("Consolidated balance sheet\nDecember 31, 2021\nAssets\nCash 1 2\n") == [
        "Consolidated balance sheet December 31, 2021"
    ]


@pytest.mark.parametrize(
    "page",
    ["", " \n\n", SENTENCE, "12\n", "Cash 1,234 2,345 3,456\nDebt 1 2 3\n", "1,234 2,345\nAssets\n"],
)
def test_a_page_that_begins_with_a_sentence_or_with_figures_has_none(page: str) -> None:
    assert headings(page) == [""]


def test_a_heading_ends_where_text_begins() -> None:
    assert headings(f"Custody\n{SENTENCE}Fees\n") == ["Custody"]
    assert headings("Custody\nThe bank holds it.\n") == ["Custody"]


def test_a_long_heading_is_cut() -> None:
    assert headings(f"{'word ' * 19}\n{'word ' * 19}\n") == [f"{'word ' * 19}{'word ' * 19}"[:MAX_LINE]]


def test_running_heads_are_no_headings_whatever_their_page_number() -> None:
    pages = [f"Acme annual report {number}\nChapter of {name}\n{SENTENCE}" for number, name in enumerate("abcdefgh")]
    assert headings(*pages) == [f"Chapter of {name}" for name in "abcdefgh"]


def test_a_line_on_few_of_many_pages_is_no_running_head() -> None:
    pages = [f"Leases\nNote {n}\n" if n % 11 == 0 else f"{SENTENCE}{n}\n" for n in range(44)]
    assert [page for page in headings(*pages) if page] == [f"Leases Note {n}" for n in (0, 11, 22, 33)]


def test_a_document_without_pages_has_no_heading() -> None:
    assert page_headings("", ()) == []


# ── chunks with headers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_chunk_says_where_it_stands() -> None:
    document = document_of(["# Custody\nThe bank holds it.\n", "Fees\nThere are none.\n"])
    first, second = CHUNKER.chunk(replace(document, title="Northwind"))
    assert first.header == "Northwind 2021\nCustody"
    assert second.header == "Northwind 2021\nCustody\nFees"
    assert second.header_sha256 == sha256_hex(second.header)


def test_a_chunk_of_which_nothing_is_known_has_no_header() -> None:
    [chunk] = CHUNKER.chunk(document_of([SENTENCE]))
    assert (chunk.header, chunk.header_sha256) == ("", None)


@given(document=documents, title=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_header_is_no_part_of_the_text_and_moves_no_offset(document: DocumentText, title: str) -> None:
    bare = CHUNKER.chunk(document)
    for plain, titled in zip(bare, CHUNKER.chunk(replace(document, title=title)), strict=True):
        assert titled.model_copy(update={"header": plain.header, "header_sha256": plain.header_sha256}) == plain
        assert document.raw_text[titled.char_start : titled.char_end] == titled.text
        assert titled.header.startswith(title)
        assert titled.header_sha256 == (sha256_hex(titled.header) if titled.header else None)


@given(document=documents)
@settings(max_examples=60, deadline=None)
def test_every_page_has_a_short_heading_without_a_line_break(document: DocumentText) -> None:
    found = page_headings(document.raw_text, document.page_ends)
    assert len(found) == len(document.page_ends)
    assert all(len(heading) <= MAX_LINE and "\n" not in heading for heading in found)
