"""The cited pages as images: the page of the file with its cited characters marked, and the text as it was read.

A PDF's page is drawn anew and each character found on it again. A page that OCR read is read again by the engine that is on
record: only where that gives the same text, word for word, are its boxes those of the text. Otherwise nothing is marked on
the page, and the caption says why; the image of the text is always marked.
"""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import pypdfium2
import pypdfium2.raw
from PIL import Image

from compliance_assets.contracts.envelope import RawPage
from compliance_assets.evidence.dossier.marking import Span, in_lines, marked
from compliance_assets.evidence.dossier.text_image import text_image
from compliance_assets.normalised_documents import image as scans
from compliance_assets.normalised_documents import pdf
from compliance_assets.normalised_documents.ocr.choose import engine_for
from compliance_assets.normalised_documents.ocr.engine import Engine, EngineFailed
from compliance_assets.normalised_documents.ocr.page_text import page_text
from compliance_assets.normalised_documents.ocr.prepare import prepared
from compliance_assets.normalised_documents.ocr.settings import EngineChoice, OcrSettings
from compliance_assets.normalised_documents.parsed import clean
from compliance_assets.normalised_documents.words import Box, Word

_SCALE = 2.0  # 144 dpi
_MOST_PIXELS = 4_000_000
_LONGEST_SIDE = 1_700  # of a scan, whose grain does not compress
_ENGINES: tuple[EngineChoice, ...] = ("tesseract", "rapidocr")
_TURNS = (None, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page before it is marked: where each span's characters stand on it, None for a span that was not found."""

    image: Image.Image
    places: tuple[tuple[Box, ...] | None, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class PageImage:
    """A PNG. `kind` is `page` for the file's own page, `text` for the text as it was read."""

    kind: str
    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class CitedPage:
    """A page of a document's text, the spans cited on it, and how it was read."""

    text: str
    page: RawPage
    spans: tuple[Span, ...]
    media_type: str
    ocr_engine: str | None

    @property
    def has_picture(self) -> bool:
        """Whether the file itself shows a page."""
        return self.media_type == pdf.MEDIA_TYPE or self.media_type in scans.MEDIA_TYPES

    @property
    def on_page(self) -> tuple[Span, ...]:
        """The spans, counted from where the page begins."""
        begin = self.page.char_start
        return tuple((start - begin, end - begin) for start, end in self.spans)

    @property
    def page_text(self) -> str:
        """The text of the page."""
        return self.text[self.page.char_start : self.page.char_end]


def images_of(cited: CitedPage, data: bytes, ocr: OcrSettings) -> list[PageImage]:
    """The page's own image first, where the file has one; then the text. `data` is the file, unused where it shows no page."""
    images = [_text(cited)]
    if cited.has_picture:
        try:
            picture = picture_of(cited, data, ocr)
        except (pypdfium2.PdfiumError, OSError, ValueError, EngineFailed) as problem:
            return [replace(images[0], caption=f"{images[0].caption} The file's page cannot be drawn: {problem}.")]
        boxes = [box for place in picture.places for box in place or ()]
        images.insert(0, PageImage("page", _png(marked(picture.image, boxes)), picture.caption))
    return images


def picture_of(cited: CitedPage, data: bytes, ocr: OcrSettings) -> Picture:
    """The page of the file, and where the cited characters stand on it."""
    if cited.media_type != pdf.MEDIA_TYPE:
        return _recognised(cited, _scan(data, cited.page.page - 1), ocr)
    with closing(pypdfium2.PdfDocument(data)) as document, closing(document[cited.page.page - 1]) as page:
        if cited.page.origin == "ocr":
            return _recognised(cited, pdf.drawn(page, ocr.dpi), ocr)
        return _text_layer(cited, page)


# ── a PDF's text layer ───────────────────────────────────────────────────────────────────────────────────────────────


def _text_layer(cited: CitedPage, page: pypdfium2.PdfPage) -> Picture:
    width, height = page.get_size()
    scale = min(_SCALE, math.sqrt(_MOST_PIXELS / max(1.0, width * height)))
    with closing(page.render(scale=scale)) as bitmap, closing(page.get_textpage()) as text_page:
        to_pixels = bitmap.get_posconv(page)
        shown = _shown_characters(text_page)
        found = places_of(cited.page_text, cited.on_page, "".join(character for character, _ in shown))
        places = tuple(
            None if place is None else tuple(in_lines([_box(text_page, to_pixels, shown[at][1]) for at in place]))
            for place in found
        )
        image = bitmap.to_pil().convert("RGB")
    caption = f"Page {cited.page.page} of the file, the cited characters marked."
    return Picture(image, places, caption if None not in places else f"{caption} {_NOT_FOUND}")


_NOT_FOUND = (
    "A cited text was not found again on the page as it is drawn, so it is not marked here; see the image of the text."
)


def _shown_characters(text_page: pypdfium2.PdfTextPage) -> list[tuple[str, int]]:
    """The page's characters as the normaliser keeps them, without white space, each with pdfium's index of it."""
    text = text_page.get_text_range(errors="surrogatepass")
    index = pypdfium2.raw.FPDFText_GetCharIndexFromTextIndex
    return [(kept, index(text_page, at)) for at, each in enumerate(text) if not (kept := clean(each)).isspace()]


def places_of(text: str, spans: Sequence[Span], shown: str) -> Iterator[range | None]:
    """For each span the indices of its characters in `shown`, which is the text without its white space.

    Should `shown` differ from the text, as another version of pdfium might make it, the nearest place that holds the very
    characters of the span is it; None where there is none.
    """
    alike = _squeezed(text) == shown
    for start, end in spans:
        first, wanted = len(_squeezed(text[:start])), _squeezed(text[start:end])
        at = first if alike else _nearest(shown, wanted, first)
        yield None if at is None else range(at, at + len(wanted))


def _nearest(text: str, wanted: str, near: int) -> int | None:
    if not wanted:
        return None
    before, after = text.rfind(wanted, 0, near + len(wanted)), text.find(wanted, near)
    found = [at for at in (before, after) if at >= 0]
    return min(found, key=lambda at: abs(at - near), default=None)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _box(text_page: pypdfium2.PdfTextPage, to_pixels: pypdfium2.PdfPosConv, index: int) -> Box:
    rectangle = pypdfium2.raw.FS_RECTF()
    pypdfium2.raw.FPDFText_GetLooseCharBox(text_page, index, rectangle)
    corners = [to_pixels.to_bitmap(rectangle.left, y) for y in (rectangle.bottom, rectangle.top)]
    corners += [to_pixels.to_bitmap(rectangle.right, y) for y in (rectangle.bottom, rectangle.top)]
    xs, ys = zip(*corners, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))


# ── pages that OCR read ──────────────────────────────────────────────────────────────────────────────────────────────


def _scan(data: bytes, frame: int) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=scans.DECODERS) as image:
            image.seek(frame)
            return scans.shown_page(image)


def _recognised(cited: CitedPage, page: Image.Image, ocr: OcrSettings) -> Picture:
    caption = f"Page {cited.page.page} of the file, upright, straight and in full contrast, as OCR read it"
    engine = cited.ocr_engine or "an engine that is not on record"
    upright = prepared(page)
    again = next(_readings(cited, upright, ocr), None)
    if again is None:
        reason = f"{engine}, which read it, does not give the same text here, so nothing is marked on it"
        return _small(Picture(upright, (None,) * len(cited.spans), f"{caption}; {reason}. See the image of the text."))
    image, words = again
    places = tuple(tuple(in_lines([word.box for word in _touched(words, span)])) for span in cited.on_page)
    return _small(Picture(image, places, f"{caption} with {engine}; the words of the cited characters marked."))


def _readings(cited: CitedPage, page: Image.Image, ocr: OcrSettings) -> Iterator[tuple[Image.Image, tuple[Word, ...]]]:
    """The page in each direction with its words, wherever an engine on record reads the very text that was read."""
    for engine in _engines_on_record(cited.ocr_engine or "", ocr):
        for turn in _TURNS:
            turned = page if turn is None else page.transpose(turn)
            try:
                read = page_text(engine.read(turned), page=cited.page.page, start=0)
            except EngineFailed:
                break
            if read.text.rstrip() == cited.page_text.rstrip():
                yield turned, read.words


def _engines_on_record(recorded: str, ocr: OcrSettings) -> Iterator[Engine]:
    """Engines that are here in the version that read. Nothing is sent to a service that the settings do not name."""
    choices = (*_ENGINES, "azure") if ocr.engine == "azure" else _ENGINES
    for choice in choices:
        if choice.split("-")[0] in recorded:
            try:
                engine = engine_for(replace(ocr, engine=choice))
            except EngineFailed:
                continue
            if engine.name in recorded.split(" + "):
                yield engine


def _touched(words: Sequence[Word], span: Span) -> list[Word]:
    return [word for word in words if word.start < span[1] and span[0] < word.end]


def _small(picture: Picture) -> Picture:
    """In the size that it is shown in."""
    share = _LONGEST_SIDE / max(picture.image.size)
    if share >= 1:
        return picture
    size = (round(picture.image.width * share), round(picture.image.height * share))
    places = tuple(
        place and tuple(Box(b.left * share, b.top * share, b.right * share, b.bottom * share) for b in place)
        for place in picture.places
    )
    return Picture(picture.image.resize(size, Image.Resampling.BOX), places, picture.caption)


# ── the text ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _text(cited: CitedPage) -> PageImage:
    drawn = text_image(cited.text, (cited.page.char_start, cited.page.char_end), cited.spans)
    caption = (
        f"The text of page {cited.page.page} as it was read, the cited characters marked; numbers count its lines."
    )
    if drawn.missing:
        codes = ", ".join(f"U+{ord(each):04X}" for each in drawn.missing[:8])
        caption += f" An empty box stands for a character that the font lacks ({codes})."
    return PageImage("text", _png(drawn.image), caption)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
