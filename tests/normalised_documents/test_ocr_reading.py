from collections.abc import Callable

import pytest
from PIL import Image

from compliance_assets.normalised_documents.ocr import reading
from compliance_assets.normalised_documents.ocr.engine import Engine, EngineFailed
from compliance_assets.normalised_documents.ocr.reading import Reading
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from tests.normalised_documents.drawn_pages import FakeEngine, page, word

Use = Callable[[Engine], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    monkeypatch.setattr(reading, "second_engine_for", lambda settings: None)
    return lambda engine: monkeypatch.setattr(reading, "engine_for", lambda settings: engine)


@pytest.fixture
def use_second(monkeypatch: pytest.MonkeyPatch, use: Use) -> Use:
    return lambda engine: monkeypatch.setattr(reading, "second_engine_for", lambda settings: engine)


def read_pages(read: Reading, count: int) -> list[str | None]:
    shown = [read.read(lambda: page("Imposto"), page=number, start=0) for number in range(1, count + 1)]
    return [each.text if each else None for each in shown]


def test_it_says_which_engine_read_which_pages_and_how_surely(use: Use) -> None:
    use(FakeEngine(word("Imposto", 0, certainty=0.9), word("devido", 60, certainty=0.7)))
    read = Reading(OcrSettings())
    assert read_pages(read, 2) == ["Imposto devido\n"] * 2
    assert read.recognition is not None
    assert read.recognition.engine == "fake-1"
    assert read.recognition.confidence == pytest.approx(0.8)
    assert read.recognition.pages == {1, 2}
    assert read.reasons == ()


def test_low_certainty_asks_for_a_person(use: Use) -> None:
    use(FakeEngine(word("Imposto", 0, certainty=0.41)))
    read = Reading(OcrSettings(minimum_confidence=0.6))
    read_pages(read, 1)
    assert read.reasons == ("ocr_confidence: 0.41, at least 0.60 expected",)


def test_another_engine_is_asked_where_the_first_is_unsure_and_the_surer_one_counts(use: Use, use_second: Use) -> None:
    use(FakeEngine(word("lmp0st0", 0, certainty=0.41)))
    use_second(second := FakeEngine(word("Imposto", 0, certainty=0.9)))
    read = Reading(OcrSettings(minimum_confidence=0.6))

    assert read_pages(read, 1) == ["Imposto\n"]
    assert second.asked == 1
    assert read.reasons == ()


def test_an_engine_that_is_sure_is_not_doubted_by_another(use: Use, use_second: Use) -> None:
    use(FakeEngine(word("Imposto", 0, certainty=0.9)))
    use_second(second := FakeEngine(word("Outro", 0, certainty=1.0)))

    assert read_pages(Reading(OcrSettings(minimum_confidence=0.6)), 1) == ["Imposto\n"]
    assert second.asked == 0


def test_more_pages_than_the_limit_are_not_read_and_that_is_said(use: Use) -> None:
    use(engine := FakeEngine(word("Imposto", 0)))
    read = Reading(OcrSettings(page_limit=2))
    assert read_pages(read, 4) == ["Imposto\n", "Imposto\n", None, None]
    assert engine.asked == 2
    assert read.reasons == ("ocr_page_limit: only the first 2 pages without text were read",)


def test_as_many_pages_as_the_limit_are_no_reason(use: Use) -> None:
    use(FakeEngine(word("Imposto", 0)))
    read = Reading(OcrSettings(page_limit=2))
    read_pages(read, 2)
    assert read.reasons == ()


def test_a_document_may_take_only_its_time(use: Use) -> None:
    use(FakeEngine(word("Imposto", 0)))
    read = Reading(OcrSettings(document_seconds=0))
    assert read_pages(read, 1) == [None]
    assert read.reasons == ("ocr_time_limit: only 0 pages were read in 0 s",)


def test_an_engine_that_failed_is_not_asked_again(use: Use) -> None:
    use(engine := FakeEngine(failure="ocr_failed: broken"))
    read = Reading(OcrSettings())
    assert read_pages(read, 3) == [None, None, None]
    assert engine.asked == 1
    assert read.reasons == ("ocr_failed: broken",)
    assert read.recognition is None


def test_a_blank_page_needs_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(settings: OcrSettings) -> Engine:
        raise EngineFailed.unavailable("none here")

    monkeypatch.setattr(reading, "engine_for", unavailable)
    read = Reading(OcrSettings())
    assert read.read(lambda: page(), page=1, start=0) is None
    assert read.reasons == ()


def test_a_picture_that_looks_like_a_letter_or_two_has_no_text(use: Use) -> None:
    use(FakeEngine(word("4)", 0), word(":-", 60)))
    read = Reading(OcrSettings())
    assert read_pages(read, 1) == [None]
    assert read.recognition is None


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_page_on_its_side_or_head_is_turned(use: Use, turn: Image.Transpose) -> None:
    shown = page("Imposto", size=(1900, 1300))
    marked = shown.copy()
    marked.paste(0, (0, 0, 300, 100))  # dirt in the upper left corner tells the turns apart

    def is_upright(image: Image.Image) -> bool:
        return image.width > image.height and image.getpixel((20, 20)) == 0

    use(FakeEngine(word("Imposto", 0), when=is_upright))
    found = Reading(OcrSettings()).read(lambda: marked.transpose(turn), page=1, start=0)
    assert found is not None
    assert found.text == "Imposto\n"
