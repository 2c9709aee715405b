"""Turns a printed return into a scan: an image without a text layer, skewed, grey, noisy, as scanners leave it.

Noise is drawn in whole numbers and nothing is deflated, so that the bytes depend on the seed alone and not on the machine
or the version of zlib: JPEG inside a PDF, JPEG, or two-tone TIFF and PNG without compression.
"""

import time
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Literal

import pypdfium2

from evals.golden.declaration import Declaration
from evals.golden.layouts import Layout
from evals.golden.render_page import render_pdf
from evals.golden.rendered import Rendered

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

Container = Literal["pdf", "jpeg", "tiff", "png"]

_POINTS_PER_INCH = 72
_WHITE = 255
_TWO_TONE_DPI = 200  # at most: these containers are not compressed
_NO_TIME = time.struct_time((2000, 1, 1, 0, 0, 0, 5, 1, 0))  # when every scan says that it was made


@dataclass(frozen=True, slots=True)
class ScanQuality:
    """How bad a scan may be: each range is drawn from, both ends included.

    `tenths_of_a_degree` is the skew to either side, `grey_levels` the noise to either side, `contrast` the per cent of
    the grey range that is left, `blur` the radius in tenths of a pixel, `speckles` the spots of dirt on a page.
    """

    dpi: tuple[int, ...]
    tenths_of_a_degree: int
    grey_levels: tuple[int, int]
    contrast: tuple[int, int]
    blur: tuple[int, int]
    speckles: tuple[int, int]
    jpeg_quality: int


NORMAL = ScanQuality(
    dpi=(200, 200, 220, 240), tenths_of_a_degree=10, grey_levels=(4, 14), contrast=(75, 100), blur=(0, 5),
    speckles=(0, 40), jpeg_quality=45,
)  # fmt: skip
HARD = ScanQuality(
    dpi=(150, 165, 180, 200), tenths_of_a_degree=20, grey_levels=(16, 34), contrast=(40, 65), blur=(5, 9),
    speckles=(80, 300), jpeg_quality=28,
)  # fmt: skip


QUALITIES = {"normal": NORMAL, "hard": HARD}


def render_scan(
    declaration: Declaration, layout: Layout, rng: Random, quality: ScanQuality = NORMAL, container: Container = "pdf"
) -> Rendered:
    """The scan of the printed return; its text is that of the paper. A return of several pages is always a PDF.

    A two-tone container needs the contrast of `NORMAL`: of a fainter page it would keep too little for a person to read.
    """
    paper = render_pdf(declaration, layout)
    if len(paper.page_ends) > 1:
        container = "pdf"
    dpi = rng.choice(quality.dpi)
    if container in ("tiff", "png"):
        dpi = min(dpi, _TWO_TONE_DPI)
    with closing(pypdfium2.PdfDocument(paper.data)) as document:
        pages = [_scanned(_image(document, i, dpi), rng, quality) for i in range(len(document))]
    data = _saved(pages, container, dpi, quality.jpeg_quality)
    suffix = ".jpg" if container == "jpeg" else f".{container}"
    return Rendered(data, suffix, paper.text, paper.page_ends, paper.spans)


def _image(document: pypdfium2.PdfDocument, index: int, dpi: int) -> "Image":
    with closing(document[index]) as page, closing(page.render(scale=dpi / _POINTS_PER_INCH, grayscale=True)) as bitmap:
        image: Image = bitmap.to_pil().convert("L")
        return image


def _scanned(image: "Image", rng: Random, quality: ScanQuality) -> "Image":
    """Skew, then blur, then contrast, then noise: the paper lies askew before the lens sees it."""
    import numpy as np
    from PIL import Image, ImageFilter

    degrees = rng.randint(-quality.tenths_of_a_degree, quality.tenths_of_a_degree) / 10
    image = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=_WHITE)
    if radius := rng.randint(*quality.blur):
        image = image.filter(ImageFilter.BoxBlur(radius / 10))
    noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
    pixels = _WHITE - (_WHITE - np.asarray(image, dtype=np.int16)) * rng.randint(*quality.contrast) // 100
    grey_levels = rng.randint(*quality.grey_levels)
    pixels -= noise.integers(0, grey_levels, pixels.shape, dtype=np.int16, endpoint=True)
    _speckle(pixels, noise, rng.randint(*quality.speckles))
    return Image.fromarray(np.clip(pixels, 0, _WHITE).astype(np.uint8))


def _speckle(pixels: "np.ndarray", noise: "np.random.Generator", spots: int) -> None:
    """Spots of one to three pixels, dark or light."""
    height, width = pixels.shape
    for _ in range(spots):
        y, x = int(noise.integers(0, height - 3)), int(noise.integers(0, width - 3))
        size, grey = int(noise.integers(1, 4)), int(noise.integers(0, 2)) * 200 + 20
        pixels[y : y + size, x : x + size] = grey


def _saved(pages: "list[Image]", container: Container, dpi: int, jpeg_quality: int) -> bytes:
    buffer = BytesIO()
    first, *others = pages
    if container == "pdf":
        first.save(
            buffer, "PDF", save_all=True, append_images=others, resolution=dpi, quality=jpeg_quality,
            creationDate=_NO_TIME, modDate=_NO_TIME,
        )  # fmt: skip
    elif container == "jpeg":
        first.save(buffer, "JPEG", quality=jpeg_quality, dpi=(dpi, dpi))
    elif container == "tiff":
        _two_tone(first).save(buffer, "TIFF", dpi=(dpi, dpi))
    else:
        _two_tone(first).save(buffer, "PNG", compress_level=0, dpi=(dpi, dpi))
    return buffer.getvalue()


def _two_tone(image: "Image") -> "Image":
    """Black and white, split nearer to the paper than to the ink, so that thin strokes stay whole."""
    low, high = image.getextrema()
    limit = (int(low) + 2 * int(high)) // 3  # type: ignore[arg-type]
    return image.point([_WHITE if grey > limit else 0 for grey in range(_WHITE + 1)]).convert("1")  # nothing to dither
