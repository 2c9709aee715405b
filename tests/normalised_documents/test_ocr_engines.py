"""The two engines that need no account, on pages drawn here."""

import shutil
import subprocess
from pathlib import Path

import pytest

from compliance_assets.normalised_documents.ocr import choose, tesseract
from compliance_assets.normalised_documents.ocr.engine import Engine, EngineFailed
from compliance_assets.normalised_documents.ocr.page_text import page_text
from compliance_assets.normalised_documents.ocr.rapidocr import RapidOcrEngine
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.ocr.tesseract import TesseractEngine
from tests.normalised_documents.drawn_pages import page

LINES = ("Imposto devido 12.345,67", "CPF 222.222.223-03")


def has_tesseract() -> bool:
    if shutil.which("tesseract") is None:
        return False
    languages = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False).stdout
    return "por" in languages.split()


needs_tesseract = pytest.mark.skipif(not has_tesseract(), reason="tesseract with Portuguese is not installed")
ENGINES = [pytest.param("tesseract", marks=needs_tesseract), "rapidocr"]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return choose.engine_for(OcrSettings(engine=request.param))


def test_words_come_with_their_places_and_certainties(engine: Engine) -> None:
    words = engine.read(page(*LINES))
    read = page_text(words, page=1, start=0)
    assert read.text.split() == " ".join(LINES).split()
    assert [line.split() for line in read.text.splitlines()] == [line.split() for line in LINES]
    assert all(0.5 < word.certainty <= 1 for word in words)
    boxes = {word.text: word.box for word in words}
    assert 40 <= boxes["Imposto"].left <= 70
    assert boxes["Imposto"].right <= boxes["devido"].left + 10 <= boxes["12.345,67"].left
    assert boxes["devido"].bottom <= boxes["CPF"].top + 10


def test_an_empty_page_has_no_words(engine: Engine) -> None:
    assert engine.read(page()) == ()


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_a_page_of_an_odd_size_has_no_words(engine: Engine, size: tuple[int, int]) -> None:
    assert engine.read(page(size=size)) == ()


@needs_tesseract
def test_tesseract_says_its_version_and_language() -> None:
    name = TesseractEngine(page_seconds=20).name
    assert name.startswith("tesseract-")
    assert name.endswith("/por")


def test_rapidocr_says_its_version() -> None:
    assert RapidOcrEngine().name.startswith("rapidocr-1.")


@needs_tesseract
def test_tesseract_may_take_only_its_time() -> None:
    engine = TesseractEngine(page_seconds=20)
    engine._seconds = 0.001
    with pytest.raises(EngineFailed, match=r"^ocr_time_limit: a page took tesseract more than 0.001 s$"):
        engine.read(page(*LINES))


def fake_tesseract(folder: Path, script: str) -> None:
    binary = folder / "tesseract"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo eng", r"^ocr_unavailable: tesseract has no Portuguese; install .*tesseract-ocr-por"),
        ("exit 3", r"^ocr_failed: tesseract ended with code 3$"),
    ],
)
def test_a_tesseract_that_cannot_read_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    fake_tesseract(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineFailed, match=reason):
        TesseractEngine(page_seconds=5)


def test_without_tesseract_rapidocr_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    choose.engine_for.cache_clear()
    try:
        assert choose.engine_for(OcrSettings()).name.startswith("rapidocr-")
    finally:
        choose.engine_for.cache_clear()


@needs_tesseract
def test_with_tesseract_it_reads() -> None:
    assert choose.engine_for(OcrSettings()).name.startswith("tesseract-")


def test_a_missing_library_names_the_packages_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rapidocr_onnxruntime", None)
    with pytest.raises(
        EngineFailed, match=r"^ocr_unavailable: rapidocr cannot start .* install libgl1 and libglib2.0-0"
    ):
        RapidOcrEngine()


def test_switched_off_is_said() -> None:
    with pytest.raises(EngineFailed, match=r"^ocr_unavailable: OCR is switched off$"):
        choose.engine_for(OcrSettings(engine="none"))


def test_tesseract_rows_that_are_no_words_are_passed_over() -> None:
    rows = [
        "level\tpage_num\tblock_num",
        "1\t1\t0\t0\t0\t0\t0\t0\t9\t9\t-1\t",
        "5\t1\t1\t1\t1\t1\t10\t20\t30\t40\t96.5\tImposto",
        "5\t1\t1\t1\t1\t2\t1\t2\t3\t4\t95\t ",
    ]
    (only,) = tesseract._words("\n".join(rows))
    assert (only.text, only.box.left, only.box.bottom, only.certainty) == ("Imposto", 10, 60, 0.965)
