"""RapidOCR: the PP-OCR models that come inside a wheel, the embedded engine where no system package is installed.

It finds lines, not words, and leaves out some of the spaces; its alphabet lacks most Portuguese diacritics. Where it saw no
space, words are cut at the wide gaps in the line's ink.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median
from typing import TYPE_CHECKING, Any

from PIL.Image import Image, Resampling

from compliance_assets.normalised_documents.ocr.engine import EngineFailed, RecognisedWord
from compliance_assets.normalised_documents.words import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Corners = NDArray[np.float32]  # x, y of the four corners, clockwise from the top left

_REMEDY = "install libgl1 and libglib2.0-0, which opencv needs, or tesseract-ocr and tesseract-ocr-por"
# Lines are searched for in a copy of this length, which bounds time and memory; they are read in full resolution.
_SEARCHED_LENGTH = 1152
_LEAST_CERTAINTY = 0.3
# A gap in the ink is one between words if it is this wide, in heights of the line; between the digits of a number, where a
# 1 stands in much white, this wide; and in either case this many times as wide as the line's usual gap between letters.
_WORD_GAP = 0.2
_NUMBER_GAP = 0.5
_TIMES_USUAL = 2.0
# The share of its height that is ink in a column that is none: noise.
_NOISE = 0.03
_NUMERIC = frozenset("0123456789.,-/")


@dataclass(frozen=True, slots=True)
class _Character:
    """`centre` is in 0..1 of its line's width."""

    text: str
    centre: float
    certainty: float


class RapidOcrEngine:
    """Reads with the models of `rapidocr_onnxruntime`. One thread each: as many workers as cores are faster."""

    def __init__(self) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime calls home when it is loaded
        try:
            from rapidocr_onnxruntime import RapidOCR  # type: ignore[import-untyped]

            self._models: Any = RapidOCR(
                det_limit_side_len=32, det_limit_type="min", intra_op_num_threads=1, inter_op_num_threads=1
            )
        except Exception as error:  # whatever keeps its libraries from loading, the remedy is the same
            raise EngineFailed.unavailable(f"rapidocr cannot start ({type(error).__name__}); {_REMEDY}") from error
        # Batches are no faster on one thread, and a line's neighbours would decide how wide it is padded.
        self._models.text_rec.rec_batch_num = 1
        self.name = f"rapidocr-{version('rapidocr-onnxruntime')}"

    def read(self, image: Image) -> tuple[RecognisedWord, ...]:
        """The words of the image."""
        try:
            return tuple(self._words(image))
        except Exception as error:  # the models' code raises whatever numpy, opencv and onnxruntime do
            raise EngineFailed(f"ocr_failed: rapidocr: {type(error).__name__}") from error
        finally:
            _give_back_memory()

    def _words(self, image: Image) -> Iterator[RecognisedWord]:
        places = self._lines(image)
        page = _three_channels(image)
        strips = [_strip(page, corners) for corners in places]
        recognised, _ = self._models.text_rec(strips, return_word_box=True) if strips else ([], 0)
        for corners, strip, (text, certainty, layout) in zip(places, strips, recognised, strict=True):
            if certainty >= _LEAST_CERTAINTY:
                columns, _, groups, _, certainties = layout
                centres = ((column + 0.5) / columns for group in groups for column in group)
                characters = [_Character(*each) for each in zip(text, centres, certainties, strict=True)]
                yield from (_word(word, characters, corners) for word in _cut(characters, strip))

    def _lines(self, image: Image) -> "list[Corners]":
        factor = min(1.0, _SEARCHED_LENGTH / max(image.size))
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        found, _ = self._models.auto_text_det(_three_channels(image.resize(size, Resampling.BOX)))
        return [] if found is None else [corners / factor for corners in found]


def _give_back_memory() -> None:
    """What one page leaves free in the C heap is too scattered for the next: a worker would grow by 100 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _three_channels(image: Image) -> "Pixels":
    import numpy as np

    grey = np.asarray(image)
    return np.stack((grey, grey, grey), axis=2)


def _strip(page: "Pixels", corners: "Corners") -> "Pixels":
    """The line, cut out upright."""
    import cv2
    import numpy as np

    width, height = (max(1, round(float(np.linalg.norm(corners[end] - corners[0])))) for end in (1, 3))
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    transform = cv2.getPerspectiveTransform(corners.astype(np.float32), upright)
    strip = cv2.warpPerspective(
        page, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return strip.astype(np.uint8, copy=False)


def _cut(characters: list[_Character], strip: "Pixels") -> Iterator[list[_Character]]:
    """The characters of each word: cut at the spaces that the engine saw and at the wide gaps in the ink."""
    gaps = _gaps(strip)
    usual = median(width for _, width in gaps) if gaps else 0.0
    word: list[_Character] = []
    for character in characters:
        if word and (character.text.isspace() or _apart(word[-1], character, gaps, usual)):
            yield word
            word = []
        if not character.text.isspace():
            word.append(character)
    if word:
        yield word


def _apart(before: _Character, after: _Character, gaps: list[tuple[float, float]], usual: float) -> bool:
    least = _NUMBER_GAP if {before.text, after.text} <= _NUMERIC else _WORD_GAP
    least = max(least, _TIMES_USUAL * usual)
    return any(before.centre < middle <= after.centre and width >= least for middle, width in gaps)


def _gaps(strip: "Pixels") -> list[tuple[float, float]]:
    """The middle of each gap in the ink, in 0..1 of the line's width, and how wide it is in heights of the line."""
    import numpy as np

    height, width = strip.shape[:2]
    grey = strip[:, :, 0].astype(np.float32)
    dark, light = np.percentile(grey, (2, 98))
    ink = grey < (dark + light) / 2
    if ink.mean() > 0.5:  # light characters on a dark ground
        ink = ~ink
    filled = np.flatnonzero(ink.sum(axis=0) > _NOISE * height)
    steps = np.diff(filled)
    return [(float(filled[at] + steps[at] / 2) / width, float(steps[at]) / height) for at in np.flatnonzero(steps > 1)]


def _word(word: list[_Character], line: list[_Character], corners: "Corners") -> RecognisedWord:
    half = (line[-1].centre - line[0].centre) / max(1, len(line) - 1) / 2 or 0.5
    left, right = max(0.0, word[0].centre - half), min(1.0, word[-1].centre + half)
    top_left, top_right, bottom_right, bottom_left = corners
    points = [
        start + share * (end - start)
        for start, end in ((top_left, top_right), (bottom_left, bottom_right))
        for share in (left, right)
    ]
    xs, ys = ([float(point[axis]) for point in points] for axis in (0, 1))
    box = Box(min(xs), min(ys), max(xs), max(ys))
    return RecognisedWord("".join(c.text for c in word), box, min(c.certainty for c in word))
