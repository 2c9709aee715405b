"""The marks sit on the very characters that are cited: read back from pdfium's own boxes, and from the pixels."""

import io
from contextlib import closing

import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdfium2 import raw

from compliance_assets.contracts.envelope import RawPage
from compliance_assets.evidence.dossier.marking import MARK, MARK_EDGE, in_lines
from compliance_assets.evidence.dossier.page_images import CitedPage, images_of, picture_of, places_of
from compliance_assets.evidence.dossier.text_image import COLUMNS, font_file, text_image
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed
from compliance_assets.normalised_documents.words import Box
from tests.conftest import SHARED
from tests.evidence.dossier.made import filing, line_of

NO_OCR = OcrSettings(engine="none")
RAPIDOCR = OcrSettings(engine="rapidocr")
TEN_K = SHARED / "financebench" / "pdfs" / "AMAZON_2018_10K.pdf"


def read(data: bytes, ocr: OcrSettings = NO_OCR) -> Parsed:
    parsed = parse(data, ocr)
    assert isinstance(parsed, Parsed)
    return parsed


def cited_in(parsed: Parsed, *quotes: str, page: int = 1) -> CitedPage:
    start, end = (0, *parsed.page_ends)[page - 1 : page + 1]
    spans = []
    for quote in quotes:
        at = parsed.text.index(quote, start, end)
        spans.append((at, at + len(quote)))
    recognition = parsed.recognition
    origin = "ocr" if recognition and page in recognition.pages else "text_layer"
    return CitedPage(
        parsed.text,
        RawPage(page=page, char_start=start, char_end=end, origin=origin),
        tuple(spans),
        parsed.media_type,
        recognition.engine if recognition else None,
    )


def squeezed(text: str) -> str:
    return "".join(text.split())


def text_under(data: bytes, page: int, boxes: tuple[Box, ...], size: tuple[int, int]) -> str:
    """The characters whose middle lies in the boxes, in pdfium's order; it does not use what the marks were made from."""
    found = []
    with (
        closing(pypdfium2.PdfDocument(data)) as document,
        closing(document[page - 1]) as shown,
        closing(shown.get_textpage()) as text_page,
    ):
        for index in range(text_page.count_chars()):
            character = chr(raw.FPDFText_GetUnicode(text_page, index))
            left, bottom, right, top = text_page.get_charbox(index)
            x, y = raw.c_int(), raw.c_int()
            raw.FPDF_PageToDevice(shown, 0, 0, *size, 0, (left + right) / 2, (bottom + top) / 2, x, y)
            inside = any(b.left <= x.value <= b.right and b.top <= y.value <= b.bottom for b in boxes)
            if inside and not character.isspace():
                found.append(character)
    return "".join(found).replace("\ufffe", "-").replace("\x02", "-")


def rotated(data: bytes, degrees: int) -> bytes:
    buffer = io.BytesIO()
    with closing(pypdfium2.PdfDocument(data)) as document:
        for page in document:
            page.set_rotation(degrees)
            page.set_cropbox(20, 30, page.get_mediabox()[2] - 10, page.get_mediabox()[3] - 15)
        document.save(buffer)
    return buffer.getvalue()


# ── PDF ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_marks_on_a_return_hold_just_the_quoted_characters(degrees: int) -> None:
    data, _ = filing()
    data = rotated(data, degrees) if degrees else data
    parsed = read(data)
    lines = [line for line in parsed.text.splitlines() if parsed.text.count(line) == 1 and len(line) > 12]
    quotes = [*lines[::6], "\n".join(parsed.text.splitlines()[10:14]), lines[4][3:-2]]
    picture = picture_of(cited_in(parsed, *quotes), data, NO_OCR)

    for quote, place in zip(quotes, picture.places, strict=True):
        assert place
        assert text_under(data, 1, place, picture.image.size) == squeezed(quote)


@pytest.mark.skipif(not TEN_K.exists(), reason="the annual reports are not here")
def test_the_marks_on_pages_of_an_annual_report_hold_just_the_quoted_characters() -> None:
    data = TEN_K.read_bytes()
    parsed = read(data)
    for page in (5, 39, 52):
        start, end = parsed.page_ends[page - 2], parsed.page_ends[page - 1]
        quotes = [parsed.text[at : at + 90] for at in range(start + 40, end - 100, 400)]
        picture = picture_of(cited_in(parsed, *quotes, page=page), data, NO_OCR)

        for quote, place in zip(quotes, picture.places, strict=True):
            assert place
            assert text_under(data, page, place, picture.image.size) == squeezed(quote)


def test_a_quote_over_several_lines_is_marked_line_by_line() -> None:
    data, parsed = filing()
    start, end = line_of(parsed.text, "IMPOSTO RETIDO NA FONTE")[0], line_of(parsed.text, "SALDO DE IMPOSTO")[1]
    picture = picture_of(cited_in(parsed, parsed.text[start:end]), data, NO_OCR)

    (place,) = picture.places
    assert place
    assert len({round(box.top) for box in place}) == parsed.text[start:end].count("\n") + 1
    assert "not found" not in picture.caption


def test_the_marked_pixels_are_those_of_the_boxes_and_the_rest_of_the_page_is_untouched() -> None:
    data, parsed = filing()
    cited = cited_in(parsed, parsed.text[slice(*line_of(parsed.text, "IMPOSTO DEVIDO I"))])
    page, text = images_of(cited, data, NO_OCR)
    picture = picture_of(cited, data, NO_OCR)
    image = Image.open(io.BytesIO(page.png)).convert("RGB")

    tinted = {at for at in each_pixel(image) if image.getpixel(at) in (MARK, MARK_EDGE)}
    boxes = [box for place in picture.places for box in place or ()]
    assert tinted
    assert all(any(b.left - 3 <= x <= b.right + 3 and b.top - 3 <= y <= b.bottom + 3 for b in boxes) for x, y in tinted)
    untouched = picture.image.convert("RGB")
    assert all(image.getpixel((x, 40)) == untouched.getpixel((x, 40)) for x in range(image.width))
    assert (page.kind, text.kind) == ("page", "text")


def test_a_page_whose_text_pdfium_reads_otherwise_is_marked_where_the_very_characters_stand() -> None:
    """A later version of pdfium may find other characters around the quote."""
    text = "Alpha beta\ngamma beta  delta"
    shown = "AlphaXbetagammaYbetadelta"

    assert list(places_of(text, [(17, 21), (6, 10)], shown)) == [range(16, 20), range(6, 10)]
    assert list(places_of(text, [(0, 10), (11, 21)], shown)) == [None, None]


def test_a_quote_that_is_not_on_the_page_is_not_marked_and_the_caption_says_so() -> None:
    data, parsed = filing()
    cited = cited_in(parsed, "IMPOSTO DEVIDO I")
    other = CitedPage(
        "Quite another text\n", cited.page.model_copy(update={"char_end": 19}), ((0, 5),), cited.media_type, None
    )
    page, text = images_of(other, data, NO_OCR)

    assert "was not found again" in page.caption
    assert MARK not in set(pixels_of(page.png))
    assert MARK in set(pixels_of(text.png))


def test_a_file_that_cannot_be_drawn_any_more_leaves_the_text() -> None:
    _, parsed = filing()
    (text,) = images_of(cited_in(parsed, "IMPOSTO DEVIDO I"), b"%PDF-1.7 nothing", NO_OCR)

    assert text.kind == "text"
    assert "cannot be drawn" in text.caption


# ── scans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def scan() -> bytes:
    """Three lines, photographed askew."""
    image = Image.new("L", (1000, 520), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(str(font_file()), 40)
    for number, line in enumerate(
        ("RENDIMENTOS ISENTOS 1.234,56", "IMPOSTO DEVIDO 53.429,99", "SALDO A PAGAR 7.081,03")
    ):
        draw.text((60, 90 + 130 * number), line, 0, font)
    buffer = io.BytesIO()
    image.rotate(2, Image.Resampling.BICUBIC, fillcolor=255).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def read_scan(scan: bytes) -> Parsed:
    return read(scan, RAPIDOCR)


def test_the_marks_on_a_scan_hold_the_ink_of_the_quoted_line_and_of_no_other(scan: bytes, read_scan: Parsed) -> None:
    line = read_scan.text.splitlines()[1]
    assert squeezed(line).endswith("53.429,99")
    picture = picture_of(cited_in(read_scan, line), scan, RAPIDOCR)

    (place,) = picture.places
    assert place
    inside = Image.new("L", picture.image.size, 0)
    for box in place:
        ImageDraw.Draw(inside).rectangle((box.left, box.top, box.right, box.bottom), fill=255)
    ink = [(x, y) for x, y in each_pixel(picture.image) if picture.image.getpixel((x, y)) < 90]
    rows = sorted({round(y / 20) for x, y in ink})
    marked_ink = [(x, y) for x, y in ink if inside.getpixel((x, y))]
    assert 0.2 < len(marked_ink) / len(ink) < 0.45  # one line of three
    middle = (min(y for _, y in ink) + max(y for _, y in ink)) / 2
    assert all(abs(y - middle) < picture.image.height * 0.1 for _, y in marked_ink), rows
    assert "rapidocr" in picture.caption


def test_a_page_of_a_pdf_that_ocr_read_is_marked_too(scan: bytes) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(scan)).convert("L").save(buffer, "PDF", resolution=150)
    parsed = read(buffer.getvalue(), RAPIDOCR)
    picture = picture_of(cited_in(parsed, parsed.text.splitlines()[2]), buffer.getvalue(), RAPIDOCR)

    assert picture.places[0]


@pytest.mark.parametrize("engine", ["tesseract-99.9/por", "azure-document-intelligence/prebuilt-read/2024-11-30", None])
def test_where_the_engine_on_record_is_not_here_nothing_is_marked_and_the_caption_says_so(
    scan: bytes, read_scan: Parsed, engine: str | None
) -> None:
    cited = cited_in(read_scan, read_scan.text.splitlines()[1])
    page, text = images_of(CitedPage(cited.text, cited.page, cited.spans, cited.media_type, engine), scan, RAPIDOCR)

    assert "nothing is marked" in page.caption
    assert MARK_EDGE not in set(pixels_of(page.png))
    assert MARK in set(pixels_of(text.png))


def test_where_the_engine_reads_another_text_nothing_is_marked(scan: bytes, read_scan: Parsed) -> None:
    cited = cited_in(read_scan, read_scan.text.splitlines()[1])
    text = cited.text.replace("53.429,99", "53.429,98")
    other = CitedPage(text, cited.page, cited.spans, cited.media_type, cited.ocr_engine)

    assert picture_of(other, scan, RAPIDOCR).places == (None,)


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_cited_character_is_marked_and_no_other() -> None:
    text = "uma linha\n\tdeclaração de ajuste\n" + "x" * 250 + " fim\n"
    span = (text.index("declaração"), text.index(" fim"))
    drawn = text_image(text, (0, len(text)), [span])

    assert drawn.marked == set(range(*span)) - {text.index("\n", span[0])}


def test_a_mark_tints_the_ground_and_leaves_the_character() -> None:
    marked, plain = (text_image("ab cd\n", (0, 6), [span]).image for span in ((3, 5), (0, 2)))
    cells = [(74 + 11 * column, 22, 74 + 11 * column + 11, 22 + 22) for column in (3, 4)]

    for cell in cells:
        tinted, untinted = marked.crop(cell), plain.crop(cell)
        dark = [at for at in each_pixel(untinted) if untinted.convert("L").getpixel(at) < 60]  # type: ignore[operator]
        assert dark
        assert all(tinted.convert("L").getpixel(at) < 80 for at in dark)  # type: ignore[operator]
        assert MARK in {tinted.getpixel(at) for at in each_pixel(tinted)}
        assert MARK not in {untinted.getpixel(at) for at in each_pixel(untinted)}


def test_a_character_that_the_font_lacks_is_named() -> None:
    drawn = text_image("a 🦜 b\u0007\n", (0, 7), [(0, 3)])

    assert drawn.missing == ("🦜", "\u0007")


def test_a_page_without_an_end_is_shown_around_its_citations() -> None:
    text = "".join(f"linha {n}: valor {n * 37}\n" for n in range(100_000))
    spans = []
    for n in (10, 50_000, 99_000):
        start = text.index(f"linha {n}:")
        spans.append((start, text.index("\n", start)))
    drawn = text_image(text, (0, len(text)), spans)

    assert drawn.marked == {at for span in spans for at in range(*span)}
    assert drawn.image.height < 25 * 125


def test_a_very_long_line_is_wrapped_and_shown_around_its_citation() -> None:
    text = "0123456789" * 50_000
    drawn = text_image(text, (0, len(text)), [(250_000, 250_020)])

    assert drawn.marked == set(range(250_000, 250_020))
    assert drawn.image.height < 25 * 70
    assert drawn.image.width == 74 + COLUMNS * 11 + 22


def test_characters_are_joined_to_a_line_in_either_direction() -> None:
    row = [Box(10 * n, 0, 10 * n + 8, 12) for n in range(4)]
    column = [Box(0, 10 * n, 12, 10 * n + 8) for n in range(4)]

    assert in_lines(row) == [Box(0, 0, 38, 12)]
    assert in_lines(column) == [Box(0, 0, 12, 38)]
    assert len(in_lines([*row, Box(0, 20, 8, 32)])) == 2


def each_pixel(image: Image.Image) -> list[tuple[int, int]]:
    return [(x, y) for y in range(0, image.height, 2) for x in range(0, image.width, 2)]


def pixels_of(png: bytes) -> list[tuple[int, ...]]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return [image.getpixel(at) for at in each_pixel(image)]  # type: ignore[misc]
