import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import image
from compliance_assets.normalised_documents.filings.fields import Filing
from compliance_assets.normalised_documents.ocr import reading
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.words import Word
from tests.normalised_documents.drawn_pages import FakeEngine, page, saved, word

OCR = OcrSettings()
SCAN = page("Imposto devido", size=(640, 480))


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """What is under test here is decoding: the engine finds the same two words on every page."""
    fake = FakeEngine(word("Imposto", 0), word("devido", 60))
    monkeypatch.setattr(reading, "engine_for", lambda settings: fake)
    return fake


def parsed(data: bytes) -> Parsed:
    outcome = image.parse(data, OCR)
    assert isinstance(outcome, Parsed), outcome
    return outcome


def rejected(outcome: Outcome) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert outcome.state is DocumentState.REJECTED
    return outcome.reason


@pytest.mark.parametrize(
    ("format", "media_type"),
    [
        ("PNG", "image/png"),
        ("JPEG", "image/jpeg"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("WEBP", "image/webp"),
    ],
)
def test_every_format_is_a_page(format: str, media_type: str) -> None:
    outcome = parsed(saved(SCAN, format))
    assert outcome.text == "Imposto devido\n"
    assert outcome.page_ends == (15,)
    assert outcome.media_type == media_type
    assert outcome.needs_human == ()
    assert outcome.recognition is not None
    assert outcome.recognition.pages == {1}


def test_each_frame_of_a_tiff_is_a_page_and_a_blank_one_stays_empty() -> None:
    outcome = parsed(saved(SCAN, "TIFF", save_all=True, append_images=[page(), SCAN]))
    assert outcome.text == "Imposto devido\n\nImposto devido\n"
    assert outcome.page_ends == (15, 16, 31)
    assert outcome.recognition is not None
    assert outcome.recognition.pages == {1, 3}


def test_of_a_moving_picture_the_first_frame_is_the_page() -> None:
    data = saved(SCAN.convert("P"), "GIF", save_all=True, append_images=[page("zwei").convert("P")])
    assert parsed(data).page_ends == (15,)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_colour_mode_shows_black_on_white(mode: str) -> None:
    made = SCAN if mode in ("L", "1") else SCAN.convert(mode) if mode != "I;16" else SCAN.convert("I").convert("I;16")
    grey = image._grey(made)
    assert grey.mode == "L"
    assert grey.getpixel((2, 2)) > 250  # type: ignore[operator]
    assert grey.getextrema()[0] < 20  # type: ignore[operator]


def test_what_is_transparent_is_paper() -> None:
    see_through = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert image._grey(see_through).getextrema() == (255, 255)


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (639, 479)), (6, (479, 0)), (8, (0, 639))])
def test_a_photograph_is_turned_as_the_camera_says(orientation: int, corner: tuple[int, int]) -> None:
    marked = Image.new("L", (640, 480), color=255)
    marked.paste(0, (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(BytesIO(saved(marked, "JPEG", exif=exif))) as photograph:
        upright = image.shown_page(photograph)
    assert upright.getpixel(corner) < 50  # type: ignore[operator]
    assert upright.getpixel((upright.width // 2, upright.height // 2)) > 200  # type: ignore[operator]


def test_an_image_without_text_waits_for_a_person() -> None:
    outcome = image.parse(saved(page(), "PNG"), OCR)
    assert outcome == Refusal(DocumentState.NEEDS_HUMAN, "no_text_found", "image/png", "pillow")


def test_an_engine_that_fails_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = FakeEngine(failure="ocr_unavailable: none here")
    monkeypatch.setattr(reading, "engine_for", lambda settings: failing)
    outcome = image.parse(saved(SCAN, "PNG"), OCR)
    assert outcome == Refusal(DocumentState.NEEDS_HUMAN, "ocr_unavailable: none here", "image/png", "pillow")


def test_a_filing_is_read_from_the_text_and_the_words_on_it() -> None:
    seen = []

    def read_filing(text: str, page_ends: tuple[int, ...], words: Callable[[], tuple[Word, ...]]) -> Filing:
        seen.append((text, page_ends, [text[w.start : w.end] for w in words()]))
        return Filing("layout", ())

    outcome = image.parse(saved(SCAN, "PNG"), OCR, read_filing=read_filing)
    assert isinstance(outcome, Parsed)
    assert outcome.filing == Filing("layout", ())
    assert seen == [("Imposto devido\n", (15,), ["Imposto", "devido"])]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"])
def test_a_truncated_file_is_damaged(format: str) -> None:
    noise = Image.effect_noise((300, 200), 60)
    data = saved(noise, format)
    assert rejected(image.parse(data[: len(data) // 2], OCR)).startswith("damaged: ")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00\x08\x00\x00\x00", b"no image"])
def test_a_head_without_an_image_is_damaged(data: bytes) -> None:
    assert rejected(image.parse(data, OCR)).startswith("damaged: ")


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_000, 9_600, 14_000, 60_000])
def test_an_image_of_too_many_pixels_is_not_decoded(side: int) -> None:
    assert rejected(image.parse(bomb(side, side), OCR)).startswith("too_large: ")


def test_too_many_frames_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_FRAMES", 2)
    data = saved(SCAN, "TIFF", save_all=True, append_images=[SCAN, SCAN])
    assert rejected(image.parse(data, OCR)) == "too_large: 3 frames, at most 2"


def test_a_large_image_is_read_in_a_smaller_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_MOST_READ_PIXELS", 100_000)
    with Image.open(BytesIO(saved(SCAN, "PNG"))) as opened:
        shown = image.shown_page(opened)
    assert shown.width * shown.height <= 100_500
    assert shown.width / shown.height == pytest.approx(640 / 480, rel=0.02)


SMALL = [
    saved(page("ab", size=(60, 40), height=20), format) for format in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(SMALL), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8))
def test_a_damaged_file_is_an_outcome_whose_pages_tile_the_text(data: bytes, changes: list[tuple[float, int]]) -> None:
    changed = bytearray(data)
    for at, value in changes:
        changed[int(at * len(changed))] = value
    outcome = image.parse(bytes(changed), OCR)
    if isinstance(outcome, Parsed):
        assert list(outcome.page_ends) == sorted(outcome.page_ends)
        assert outcome.page_ends[-1] == len(outcome.text)
