"""Reading the pages of one document by OCR, within its limits. What the pages come from is not known here."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean

from PIL.Image import Image, Transpose

from compliance_assets.normalised_documents.ocr.choose import engine_for, second_engine_for
from compliance_assets.normalised_documents.ocr.engine import Engine, EngineFailed, RecognisedWord
from compliance_assets.normalised_documents.ocr.page_text import PageText, page_text
from compliance_assets.normalised_documents.ocr.prepare import is_blank, prepared
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import Recognition

NO_TEXT_FOUND = "no_text_found"

# A picture without text is read as a letter or two.
_WORD = re.compile(r"[^\W_]{3}")
# Letters read less surely than this may stand on their side or on their head.
_SURELY = 0.6
_TURNS = (Transpose.ROTATE_180, Transpose.ROTATE_90, Transpose.ROTATE_270)


@dataclass(slots=True)
class Reading:
    """What OCR made of one document so far.

    An engine that failed once is not asked again for this document: the time limits of its pages would only add up.
    """

    settings: OcrSettings
    _started: float = field(default_factory=time.monotonic)
    _asked: int = 0
    _engines: dict[str, None] = field(default_factory=dict)  # in the order of their first page
    _certainties: list[float] = field(default_factory=list)
    _pages: set[int] = field(default_factory=set)
    _stopped: str | None = None

    def read(self, draw: Callable[[], Image], *, page: int, start: int) -> PageText | None:
        """The text of the page that `draw` shows; None where it has none or is no longer read.

        `page` counts from 1; `start` is the page's offset in the document's text.
        """
        self._stopped = self._stopped or self._limit_reached()
        if self._stopped:
            return None
        self._asked += 1
        try:
            words = self._words(draw())
        except EngineFailed as error:
            self._stopped = str(error)
            return None
        if not any(_WORD.search(word.text) for word in words):
            return None
        self._pages.add(page)
        self._certainties += [word.certainty for word in words]
        return page_text(words, page=page, start=start)

    @property
    def recognition(self) -> Recognition | None:
        """The engine, its mean certainty and the pages on which it found words; None where it found none."""
        if not self._pages:
            return None
        return Recognition(" + ".join(self._engines), fmean(self._certainties), frozenset(self._pages))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a person has to look at what was read."""
        reasons = [self._stopped] if self._stopped else []
        least = self.settings.minimum_confidence
        if self._certainties and (mean := fmean(self._certainties)) < least:
            reasons.append(f"ocr_confidence: {mean:.2f}, at least {least:.2f} expected")
        return tuple(reasons)

    def _limit_reached(self) -> str | None:
        if self._asked >= self.settings.page_limit:
            return f"ocr_page_limit: only the first {self._asked} pages without text were read"
        if time.monotonic() - self._started > self.settings.document_seconds:
            return f"ocr_time_limit: only {self._asked} pages were read in {self.settings.document_seconds:g} s"
        return None

    def _words(self, image: Image) -> tuple[RecognisedWord, ...]:
        if is_blank(image):
            return ()
        page = prepared(image)
        engine = engine_for(self.settings)
        words = _upright_words(engine, page)
        if _legibility(words) < self.settings.minimum_confidence and (other := second_engine_for(self.settings)):
            second = _upright_words(other, page)  # a person would have to look at it; another engine may do
            if _legibility(second) > _legibility(words):
                engine, words = other, second
        self._engines[engine.name] = None
        return words


def _upright_words(engine: Engine, page: Image) -> tuple[RecognisedWord, ...]:
    words = engine.read(page)
    if _legibility(words) >= _SURELY:
        return words
    return max(words, *(engine.read(page.transpose(turn)) for turn in _TURNS), key=_legibility)


def _legibility(words: tuple[RecognisedWord, ...]) -> float:
    """The mean certainty of the letters; dirt that was taken for a letter or two counts little."""
    letters = sum(len(word.text) for word in words)
    return sum(word.certainty * len(word.text) for word in words) / letters if letters else 0.0
