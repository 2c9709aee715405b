"""What an OCR engine is: an image in, words with places and certainties out. The engines stand beside this file."""

from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image

from compliance_assets.normalised_documents.words import Box


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word as an engine read it: no white space in `text`, `box` in pixels of the image, `certainty` in 0..1."""

    text: str
    box: Box
    certainty: float


class Engine(Protocol):
    """Reads one page image. Raises EngineFailed when it could not work; an empty page is no failure."""

    name: str

    def read(self, image: Image) -> tuple[RecognisedWord, ...]:
        """The words of a grey image (mode L), in any order."""
        ...


class EngineFailed(Exception):
    """An engine could not work. The message is a reason for the document, without a person's data."""

    @classmethod
    def unavailable(cls, detail: str) -> "EngineFailed":
        """The engine cannot be used at all; `detail` says how to mend that."""
        return cls(f"ocr_unavailable: {detail}")
