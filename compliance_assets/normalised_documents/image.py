"""Images of pages: scans and photographs, each frame of a TIFF a page. Pillow decodes, OCR reads."""

import io
import math
import warnings
from itertools import accumulate
from typing import Literal

from PIL import ExifTags, Image, ImageFile
from PIL import TiffImagePlugin as _tiff  # noqa: F401 - registers its decoder
from PIL import WebPImagePlugin as _webp  # noqa: F401 - registers its decoder

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.ocr.reading import NO_TEXT_FOUND, Reading
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.sniff import media_type_of
from compliance_assets.normalised_documents.words import ReadFiling, Word

NORMALISER = "pillow"
MAX_PIXELS = 80_000_000
MAX_FRAMES = 200

_MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what some telephones call a photograph with a second, smaller one
    "TIFF": "image/tiff",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "WEBP": "image/webp",
}
MEDIA_TYPES = frozenset(_MEDIA_TYPES.values())
# No other decoder sees the bytes.
DECODERS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")

# By EXIF orientation: what brings the frame upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# No engine needs more than an A3 page in 300 dpi.
_MOST_READ_PIXELS = 18_000_000


class _TooLarge(Exception):
    """More pixels or frames than a document of pages has; the message says how many."""


def parse(data: bytes, ocr: OcrSettings, *, read_filing: ReadFiling | None = None) -> Outcome:
    """What OCR reads on the image, a page for each frame of a TIFF and one for any other format.

    The boxes of the words are in pixels of the page as it was read: upright, straightened, and enlarged if it was small.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=DECODERS) as image:
                return _read(image, Reading(ocr), read_filing)
    except (_TooLarge, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        detail = error if isinstance(error, _TooLarge) else f"more than {MAX_PIXELS} pixels"
        return _refused(DocumentState.REJECTED, f"too_large: {detail}", media_type_of(data))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a decoder raises whatever its damaged input leads it to
        return _refused(DocumentState.REJECTED, f"damaged: {type(error).__name__}", media_type_of(data))


def _read(image: ImageFile.ImageFile, reading: Reading, read_filing: ReadFiling | None) -> Outcome:
    media_type = _MEDIA_TYPES[image.format or ""]
    texts: list[str] = []
    words: list[Word] = []
    for frame in range(_frame_count(image)):
        image.seek(frame)
        shown = reading.read(lambda: shown_page(image), page=frame + 1, start=sum(map(len, texts)))
        texts.append(shown.text if shown else "\n")
        words += shown.words if shown else ()
    if not words:
        return _refused(DocumentState.NEEDS_HUMAN, (*reading.reasons, NO_TEXT_FOUND)[0], media_type)
    text, page_ends = "".join(texts), tuple(accumulate(map(len, texts)))
    if len(text) > MAX_CHARACTERS:
        raise _TooLarge(f"{len(text)} characters, at most {MAX_CHARACTERS}")
    return Parsed(
        text=text,
        page_ends=page_ends,
        origin="text_layer",
        media_type=media_type,
        normaliser=NORMALISER,
        title=None,
        needs_human=reading.reasons,
        recognition=reading.recognition,
        filing=read_filing(text, page_ends, lambda: tuple(words)) if read_filing else None,
    )


def _frame_count(image: ImageFile.ImageFile) -> int:
    """The pages of a TIFF. The frames of the other formats are a motion, or the same picture again."""
    frames: int = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
    if frames > MAX_FRAMES:
        raise _TooLarge(f"{frames} frames, at most {MAX_FRAMES}")
    return frames


def shown_page(image: ImageFile.ImageFile) -> Image.Image:
    """The current frame as a person sees it: upright, grey, on white."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise _TooLarge(f"{pixels} pixels, at most {MAX_PIXELS}")
    share = math.sqrt(min(1.0, _MOST_READ_PIXELS / pixels))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    image.draft("L", size)  # a JPEG is decoded to no more than that
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    grey = _grey(image)
    if share < 1:
        grey.thumbnail(size, Image.Resampling.BOX)
    return grey.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else grey


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_deep(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if "A" not in image.getbands():
        return image.convert("L")
    paper = Image.new("L", image.size, color=255)
    paper.paste(image.convert("L"), mask=image.getchannel("A"))
    return paper


def _from_deep(image: Image.Image) -> Image.Image:
    """Of 16 bits or more: the darkest is black, the lightest white."""
    import numpy as np

    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    values -= values.min()
    return Image.fromarray((values * (255 / max(float(values.max()), 1e-9))).astype(np.uint8))


def _refused(
    state: Literal[DocumentState.NEEDS_HUMAN, DocumentState.REJECTED], reason: str, media_type: str
) -> Refusal:
    return Refusal(state, reason, media_type, NORMALISER)
