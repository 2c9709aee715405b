import pytest
from PIL import Image

from compliance_assets.normalised_documents.ocr.prepare import is_blank, prepared, skew
from tests.normalised_documents.drawn_pages import page

LINES = ("Rendimentos tributáveis 85.000,00", "Imposto devido 12.345,67", "Saldo a pagar 1.234,56")


@pytest.mark.parametrize("degrees", [-10, -3, -1, -0.5, 0, 0.5, 2, 8])
def test_skew_is_found_to_a_third_of_a_degree(degrees: float) -> None:
    turned = page(*LINES).rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    assert skew(turned) == pytest.approx(-degrees, abs=0.3)


def test_a_prepared_page_is_level_and_uses_the_whole_range_of_greys() -> None:
    faint = page(*LINES).point(lambda value: 120 + value // 5).rotate(2, expand=True, fillcolor=171)
    ready = prepared(faint)
    assert ready.mode == "L"
    assert ready.getextrema() == (0, 255)
    assert skew(ready) == pytest.approx(0, abs=0.3)


def test_a_small_page_is_enlarged_and_a_large_one_keeps_its_size() -> None:
    assert max(prepared(page(*LINES, size=(900, 600))).size) > 1500
    assert prepared(page(*LINES, size=(2400, 1600))).size == (2400, 1600)


def test_an_even_page_is_blank_and_one_with_a_dot_is_not() -> None:
    assert is_blank(Image.new("RGB", (50, 50), "red"))
    assert not is_blank(page("."))


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_odd_sizes_are_no_trouble(size: tuple[int, int]) -> None:
    assert prepared(Image.new("L", size)).mode == "L"
