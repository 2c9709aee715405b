import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import pdf
from compliance_assets.normalised_documents.parsed import Parsed, Refusal


def pdf_of(*pages: str, title: str = "") -> bytes:
    """A small PDF with one line of text a page; pdfium rebuilds the missing cross-reference table."""
    kids = " ".join(f"{10 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj",
        f"2 0 obj <</Type /Pages /Kids [{kids}] /Count {len(pages)} /MediaBox [0 0 600 600]>> endobj",
        "3 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj",
        f"4 0 obj <</Title ({title})>> endobj",
    ]
    for index, text in enumerate(pages):
        number = 10 + 2 * index
        content = f"BT /F 12 Tf 72 300 Td ({text}) Tj ET"
        objects += [
            f"{number} 0 obj <</Type /Page /Parent 2 0 R /Contents {number + 1} 0 R "
            "/Resources <</Font <</F 3 0 R>>>>>> endobj",
            f"{number + 1} 0 obj <</Length {len(content)}>> stream\n{content}\nendstream endobj",
        ]
    return "\n".join(["%PDF-1.4", *objects, "trailer <</Root 1 0 R /Info 4 0 R>>", "%%EOF"]).encode()


def parsed(data: bytes) -> Parsed:
    outcome = pdf.parse(data)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def refused(data: bytes) -> Refusal:
    outcome = pdf.parse(data)
    assert isinstance(outcome, Refusal)
    return outcome


def test_each_page_ends_with_a_line_and_the_pages_tile_the_text() -> None:
    outcome = parsed(pdf_of("one", "", "three"))
    assert outcome.text == "one\n\nthree\n"
    assert outcome.page_ends == (4, 5, 11)
    assert outcome.needs_human == ()


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Annual Report 2022", "Annual Report 2022"),
        ("  spaced \n out ", "spaced out"),
        ("", None),
        ("Untitled", None),
        ("Microsoft Word - report", None),
        ("final report v2.docx", None),
        ("12/31/2022", None),
        ("x" * 201, None),
    ],
)
def test_a_title_is_taken_only_if_it_is_one(written: str, title: str | None) -> None:
    assert parsed(pdf_of("text", title=written)).title == title


def test_without_text_it_waits_for_ocr() -> None:
    assert refused(pdf_of("", "")) == Refusal(
        DocumentState.NEEDS_HUMAN, "no_text_layer", "application/pdf", "pypdfium2"
    )


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.4\n%%EOF", pdf_of("one")[:60], pdf_of()])
def test_what_cannot_be_opened_is_damaged(data: bytes) -> None:
    outcome = refused(data)
    assert outcome.state is DocumentState.REJECTED
    assert outcome.reason.startswith("damaged: ")


def test_a_page_that_cannot_be_read_is_named_and_the_others_are_kept() -> None:
    data = pdf_of("one", "two", "three").replace(b"12 0 obj <</Type /Page ", b"12 0 obj <</Type /Nope ")
    outcome = parsed(data.replace(b"12 0 R", b"99 0 R"))
    assert outcome.text == "one\n\nthree\n"
    assert outcome.needs_human == ("page_unreadable: 2",)


def test_too_many_pages_or_characters_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 2)
    assert refused(pdf_of("a", "b", "c")).reason == "too_large: 3 pages, at most 2"
    monkeypatch.setattr(pdf, "MAX_CHARACTERS", 5)
    assert refused(pdf_of("abc", "def")).reason == "too_large: more than 5 characters"


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_damaged_file_is_an_outcome_whose_pages_tile_the_text(data: st.DataObject) -> None:
    whole = bytearray(pdf_of("one", "two"))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    outcome = pdf.parse(bytes(whole))
    if isinstance(outcome, Parsed):
        assert list(outcome.page_ends) == sorted(outcome.page_ends)
        assert outcome.page_ends[-1] == len(outcome.text)
