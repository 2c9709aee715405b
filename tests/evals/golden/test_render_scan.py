from io import BytesIO
from random import Random

import pypdfium2
import pytest
from PIL import Image

from evals.golden.anomalies import draw_declaration
from evals.golden.layouts import LAYOUTS
from evals.golden.render_page import render_pdf
from evals.golden.render_scan import HARD, NORMAL, Container, ScanQuality, render_scan

ONE_PAGE, TWO_PAGES = LAYOUTS[1], LAYOUTS[4]
DECLARATION = draw_declaration(Random(11), 2018, "simplificada", "original")
LARGEST = 600_000


def test_a_scan_in_a_pdf_has_pages_and_no_text_layer() -> None:
    scan = render_scan(DECLARATION, TWO_PAGES, Random(1))
    with pypdfium2.PdfDocument(scan.data) as document:
        assert len(document) == 2
        assert not any(page.get_textpage().get_text_range().strip() for page in document)


def test_a_scan_has_the_text_and_the_spans_of_its_paper() -> None:
    scan, paper = render_scan(DECLARATION, ONE_PAGE, Random(1)), render_pdf(DECLARATION, ONE_PAGE)
    assert (scan.text, scan.page_ends, scan.spans) == (paper.text, paper.page_ends, paper.spans)


@pytest.mark.parametrize(
    ("container", "suffix", "mode"), [("jpeg", ".jpg", "L"), ("tiff", ".tiff", "1"), ("png", ".png", "1")]
)
def test_a_single_page_can_be_a_picture(container: Container, suffix: str, mode: str) -> None:
    scan = render_scan(DECLARATION, ONE_PAGE, Random(2), NORMAL, container)
    with Image.open(BytesIO(scan.data)) as image:
        assert (scan.suffix, image.mode) == (suffix, mode)
        assert image.height > image.width > 1_200


def test_several_pages_are_a_pdf_whatever_was_asked_for() -> None:
    assert render_scan(DECLARATION, TWO_PAGES, Random(2), NORMAL, "tiff").suffix == ".pdf"


@pytest.mark.parametrize("quality", [NORMAL, HARD], ids=["normal", "hard"])
@pytest.mark.parametrize("container", ["pdf", "jpeg", "tiff", "png"])
def test_the_same_seed_gives_the_same_bytes_of_a_modest_size(quality: ScanQuality, container: Container) -> None:
    first, again = (render_scan(DECLARATION, ONE_PAGE, Random(3), quality, container).data for _ in range(2))
    assert first == again
    assert len(first) < LARGEST
    assert first != render_scan(DECLARATION, ONE_PAGE, Random(4), quality, container).data


@pytest.mark.parametrize("container", ["pdf", "jpeg", "tiff", "png"])
def test_no_resolution_makes_a_page_too_large(container: Container) -> None:
    scans = [render_scan(DECLARATION, ONE_PAGE, Random(seed), NORMAL, container) for seed in range(8)]
    assert max(len(scan.data) for scan in scans) < LARGEST


def test_a_hard_scan_is_fainter_than_a_normal_one() -> None:
    def darkest(quality: ScanQuality) -> int:
        data = render_scan(DECLARATION, ONE_PAGE, Random(5), quality, "jpeg").data
        histogram = Image.open(BytesIO(data)).histogram()
        return next(grey for grey in range(256) if sum(histogram[: grey + 1]) > 5_000)

    assert darkest(HARD) > darkest(NORMAL)
