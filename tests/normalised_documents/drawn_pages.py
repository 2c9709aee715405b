"""Page images drawn for tests, and an engine that reads whatever a test says."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from compliance_assets.normalised_documents.ocr.engine import EngineFailed, RecognisedWord
from compliance_assets.normalised_documents.words import Box


def page(*lines: str, size: tuple[int, int] = (1200, 700), height: int = 40) -> Image.Image:
    """Black on white, one line below the other."""
    image = Image.new("L", size, color=255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(height)
    for index, line in enumerate(lines):
        draw.text((60, 60 + index * 2 * height), line, fill=0, font=font)
    return image


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """The image as a file."""
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def word(
    text: str, left: float, top: float = 0, *, width: float = 50, height: float = 20, certainty: float = 0.9
) -> RecognisedWord:
    """A recognised word."""
    return RecognisedWord(text, Box(left, top, left + width, top + height), certainty)


class FakeEngine:
    """Reads the same words on every page, or fails; counts how often it was asked."""

    name = "fake-1"

    def __init__(
        self, *words: RecognisedWord, failure: str = "", when: Callable[[Image.Image], bool] | None = None
    ) -> None:
        self._words = words
        self._failure = failure
        self._when = when or (lambda image: True)
        self.asked = 0

    def read(self, image: Image.Image) -> tuple[RecognisedWord, ...]:
        """The words, if the image is as the test wants it."""
        self.asked += 1
        if self._failure:
            raise EngineFailed(self._failure)
        return self._words if self._when(image) else ()
