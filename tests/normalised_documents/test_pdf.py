from collections.abc import Callable
from io import BytesIO

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import pdf
from compliance_assets.normalised_documents.filings.fields import Filing
from compliance_assets.normalised_documents.ocr import reading
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import Parsed, Refusal
from compliance_assets.normalised_documents.words import Word
from tests.normalised_documents.drawn_pages import FakeEngine, page, word


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


# --- pages without a text layer ---


def mixed_pdf(*pages: str | Image.Image, rotation: int = 0) -> bytes:
    """A PDF whose pages are a line of text each, or a picture."""
    document = pypdfium2.PdfDocument.new()
    for content in pages:
        if isinstance(content, str):
            document.import_pages(pypdfium2.PdfDocument(pdf_of(content)))
        else:
            file = BytesIO()
            content.convert("RGB").save(file, "JPEG")
            picture = pypdfium2.PdfImage.new(document)
            picture.load_jpeg(file, inline=True)
            picture.set_matrix(pypdfium2.PdfMatrix().scale(600, 350))
            added = document.new_page(600, 600)
            added.insert_obj(picture)
            added.gen_content()
    for shown in document:
        shown.set_rotation(rotation)
    saved = BytesIO()
    document.save(saved)
    return saved.getvalue()


SCAN = page("Imposto devido")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine(word("Imposto", 0), word("devido", 60))
    monkeypatch.setattr(reading, "engine_for", lambda settings: fake)
    return fake


def with_ocr(data: bytes, **settings: int) -> Parsed:
    outcome = pdf.parse(data, OcrSettings(**settings))  # type: ignore[arg-type]
    assert isinstance(outcome, Parsed), outcome
    return outcome


def test_only_pages_without_text_are_recognised(engine: FakeEngine) -> None:
    outcome = with_ocr(mixed_pdf("one", SCAN, "", "four"))
    assert outcome.text == "one\nImposto devido\n\nfour\n"
    assert outcome.page_ends == (4, 19, 20, 25)
    assert outcome.recognition is not None
    assert outcome.recognition.pages == {2}
    assert outcome.needs_human == ()
    assert engine.asked == 1


def test_a_text_layer_is_the_same_with_ocr_and_without(engine: FakeEngine) -> None:
    data = pdf_of("one", "two")
    assert with_ocr(data) == parsed(data)
    assert engine.asked == 0


def test_a_scan_without_ocr_waits_as_before(engine: FakeEngine) -> None:
    waiting = Refusal(DocumentState.NEEDS_HUMAN, "no_text_layer", "application/pdf", "pypdfium2")
    assert pdf.parse(mixed_pdf(SCAN)) == waiting
    assert pdf.parse(mixed_pdf(SCAN), OcrSettings(engine="none")) == waiting
    assert engine.asked == 0


@pytest.mark.parametrize("blank", [pdf_of("", ""), mixed_pdf(page())])
def test_blank_pages_have_no_text_to_be_found(engine: FakeEngine, blank: bytes) -> None:
    outcome = pdf.parse(blank, OcrSettings())
    assert outcome == Refusal(DocumentState.NEEDS_HUMAN, "no_text_found", "application/pdf", "pypdfium2")
    assert engine.asked == 0


def test_pages_beyond_the_limit_are_named_and_the_others_kept(engine: FakeEngine) -> None:
    outcome = with_ocr(mixed_pdf(SCAN, SCAN, "three", SCAN), page_limit=2)
    assert outcome.text == "Imposto devido\nImposto devido\nthree\n\n"
    assert outcome.needs_human == ("ocr_page_limit: only the first 2 pages without text were read",)


def test_an_engine_that_cannot_start_is_the_reason_and_text_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = FakeEngine(failure="ocr_unavailable: none here")
    monkeypatch.setattr(reading, "engine_for", lambda settings: failing)
    alone = pdf.parse(mixed_pdf(SCAN), OcrSettings())
    assert alone == Refusal(DocumentState.NEEDS_HUMAN, "ocr_unavailable: none here", "application/pdf", "pypdfium2")
    beside = with_ocr(mixed_pdf("one", SCAN))
    assert beside.text == "one\n\n"
    assert beside.needs_human == ("ocr_unavailable: none here",)


@pytest.mark.parametrize("points", [20, 595, 14_400])
def test_a_page_is_drawn_in_grey_and_never_larger_than_a_sheet(points: int) -> None:
    document = pypdfium2.PdfDocument.new()
    image = pdf.drawn(document.new_page(points, points), dpi=300)
    assert image.mode == "L"
    assert image.width * image.height <= 1.01 * pdf._MOST_DRAWN_PIXELS
    assert image.width == pytest.approx(min(points * 300 / 72, 4243), rel=0.01)


# --- where the words of a text layer stand ---


def words_in(data: bytes, ocr: OcrSettings | None = None) -> tuple[str, tuple[Word, ...]]:
    """The text and the words that a reader of filings is given."""
    seen: list[tuple[str, tuple[Word, ...]]] = []

    def read_filing(text: str, page_ends: tuple[int, ...], words: Callable[[], tuple[Word, ...]]) -> Filing:
        seen.append((text, words()))
        return Filing("layout", ())

    outcome = pdf.parse(data, ocr, read_filing=read_filing)
    assert isinstance(outcome, Parsed)
    assert outcome.filing == Filing("layout", ())
    return seen[0]


def test_words_have_their_offsets_in_the_text_and_their_places_on_the_page() -> None:
    text, words = words_in(pdf_of("Imposto devido", "", "R$ 1.234,56"))
    assert [text[w.start : w.end] for w in words] == ["Imposto", "devido", "R$", "1.234,56"]
    assert [w.page for w in words] == [1, 1, 3, 3]
    first, second = words[0].box, words[1].box
    assert first.left == pytest.approx(72, abs=2)
    assert first.top < 300 < first.bottom  # the base line is in the middle of the page
    assert first.bottom - first.top == pytest.approx(12, abs=4)
    assert first.right < second.left < first.right + 6
    assert {w.certainty for w in words} == {1.0}


def test_recognised_words_stand_among_those_of_the_text_layer(engine: FakeEngine) -> None:
    text, words = words_in(mixed_pdf("one", SCAN, "three"), OcrSettings())
    assert [(text[w.start : w.end], w.page, w.certainty) for w in words] == [
        ("one", 1, 1.0),
        ("Imposto", 2, 0.9),
        ("devido", 2, 0.9),
        ("three", 3, 1.0),
    ]


@pytest.mark.parametrize(("rotation", "left", "top"), [(0, 72, 300), (90, 300, 72), (180, 528, 300), (270, 300, 528)])
def test_places_are_those_of_the_page_as_it_is_shown(rotation: int, left: float, top: float) -> None:
    _, (only,) = words_in(mixed_pdf("M", rotation=rotation))
    middle = ((only.box.left + only.box.right) / 2, (only.box.top + only.box.bottom) / 2)
    assert middle == pytest.approx((left, top), abs=8)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="()\\"), min_size=1), max_size=8
    )
)
def test_every_word_of_the_text_is_found_where_it_says(lines: list[str]) -> None:
    text, words = words_in(pdf_of("x", " ".join(lines)))
    assert [text[w.start : w.end] for w in words] == text.split()
