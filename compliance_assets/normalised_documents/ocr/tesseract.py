"""Tesseract: the system's own binary with Portuguese, the default where it is installed.

The image goes in and the words come out through pipes: no page of a filing is written to a temporary file, which a worker
that is killed at its time limit would leave behind.
"""

import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from PIL.Image import Image

from compliance_assets.normalised_documents.ocr.engine import EngineFailed, RecognisedWord
from compliance_assets.normalised_documents.words import Box

LANGUAGE = "por"

_REMEDY = "install tesseract-ocr and tesseract-ocr-por, or choose rapidocr"
_START_SECONDS = 10
# 6: one block of text. Forms have no columns to be read one after the other; reading order is made from the boxes anyway.
_PAGE_SEGMENTATION = "6"
_WORD_LEVEL = "5"
_VERSION = re.compile(r"tesseract v?(\d[\w.]*)")


class TesseractEngine:
    """Reads with `tesseract`. One thread each: as many workers as cores are faster than threads."""

    def __init__(self, page_seconds: float) -> None:
        binary = shutil.which("tesseract")
        if binary is None:
            raise EngineFailed.unavailable(f"tesseract is not installed; {_REMEDY}")
        self._binary = binary
        self._seconds = page_seconds
        if LANGUAGE not in self._run("--list-langs", seconds=_START_SECONDS).split():
            raise EngineFailed.unavailable(f"tesseract has no Portuguese; {_REMEDY}")
        version = _VERSION.search(self._run("--version", seconds=_START_SECONDS))
        self.name = f"tesseract-{version[1] if version else 'unknown'}/{LANGUAGE}"

    def read(self, image: Image) -> tuple[RecognisedWord, ...]:
        """The words of the image."""
        uncompressed = io.BytesIO()
        image.save(uncompressed, "PPM")
        arguments = ("stdin", "stdout", "-l", LANGUAGE, "--psm", _PAGE_SEGMENTATION, "tsv")
        return tuple(_words(self._run(*arguments, data=uncompressed.getvalue(), seconds=self._seconds)))

    def _run(self, *arguments: str, data: bytes = b"", seconds: float) -> str:
        try:
            done = subprocess.run(
                (self._binary, *arguments),
                input=data,
                capture_output=True,
                timeout=seconds,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired as error:
            raise EngineFailed(f"ocr_time_limit: a page took tesseract more than {seconds:g} s") from error
        except OSError as error:
            raise EngineFailed.unavailable(f"tesseract cannot be started; {_REMEDY}") from error
        if done.returncode:
            raise EngineFailed(f"ocr_failed: tesseract ended with code {done.returncode}")
        return done.stdout.decode("utf-8", errors="replace")


def _words(table: str) -> Iterator[RecognisedWord]:
    """The rows of words in Tesseract's TSV: level, page, block, paragraph, line, word, x, y, width, height, %, text."""
    for row in table.splitlines():
        cells = row.split("\t")
        if cells[0] == _WORD_LEVEL and len(cells) == 12 and cells[11].strip():
            left, top, width, height = (int(cell) for cell in cells[6:10])
            yield RecognisedWord(cells[11].strip(), Box(left, top, left + width, top + height), float(cells[10]) / 100)
