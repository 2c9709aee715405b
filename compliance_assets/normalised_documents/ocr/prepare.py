"""A page image as the engines read it best: grey, full contrast, upright lines, letters not too small."""

from itertools import accumulate

from PIL import Image, ImageOps

# In tenths of a degree: the skew that is looked for, in coarse steps on a coarse copy and then in fine ones around the best.
_MOST_SKEW = 120
_COARSE, _FINE = 10, 1
_COARSE_LENGTH, _FINE_LENGTH = 500, 1000
_LEAST_SKEW = 2
# Shorter pages are enlarged: at 100 dpi an A4 page is this long, and its letters are too small for any engine.
_LEAST_LENGTH = 1800
_MOST_ENLARGED = 3.0
# Of the darkest pixels, this share is dirt and not ink; and ink is darker than paper by at least so many of 255 greys, or
# else the grain of a nearly empty page would become ink.
_DIRT = 0.0002
_LEAST_RANGE = 64
_WHITE = 255


def prepared(image: Image.Image) -> Image.Image:
    """A grey image (mode L) with full contrast, enlarged if it is small, without skew of up to 12 degrees."""
    return _enlarged(_straightened(_with_contrast(image.convert("L"))))


def is_blank(image: Image.Image) -> bool:
    """Whether a page image is of one shade: nothing can be read on it."""
    low, high = image.convert("L").getextrema()
    return low == high


def _with_contrast(grey: Image.Image) -> Image.Image:
    """Ink black and paper white. Measured on a copy of half the size, in which the grain of the paper is weaker."""
    shades = grey.reduce(2).histogram()
    black, middle, paper, lightest = (_shade(shades, share) for share in (_DIRT, 0.5, 0.75, 1 - _DIRT))
    white = (
        paper if middle - black > lightest - middle else lightest
    )  # light letters on a dark ground keep their shades
    black = min(black, white - _LEAST_RANGE)
    return grey.point(
        [round(min(max((shade - black) / (white - black), 0), 1) * _WHITE) for shade in range(_WHITE + 1)]
    )


def _shade(shades: list[int], share: float) -> int:
    """The shade up to which `share` of the pixels are."""
    counted = accumulate(shades)
    least = share * sum(shades)
    return next(shade for shade, count in enumerate(counted) if count >= least)


def skew(image: Image.Image) -> float:
    """The angle in degrees by which the lines of a grey image must be turned anticlockwise to lie level."""
    ink = ImageOps.invert(image)
    coarse = _most_level(ink, _COARSE_LENGTH, range(-_MOST_SKEW, _MOST_SKEW + 1, _COARSE))
    return _most_level(ink, _FINE_LENGTH, range(coarse - _COARSE, coarse + _COARSE + 1, _FINE)) / 10


def _most_level(ink: Image.Image, length: int, tenths: range) -> int:
    small = ink.copy()
    small.thumbnail((length, length), Image.Resampling.BOX)
    return max(tenths, key=lambda angle: (_levelness(small, angle), -abs(angle)))


def _levelness(ink: Image.Image, tenths: int) -> float:
    """How sharply rows of ink and rows of paper alternate once the image is turned."""
    import numpy as np

    turned = ink.rotate(tenths / 10, Image.Resampling.BILINEAR)
    rows = np.asarray(turned, dtype=np.float32).sum(axis=1)
    return float(np.square(np.diff(rows)).sum())


def _straightened(grey: Image.Image) -> Image.Image:
    angle = skew(grey)
    if abs(angle) * 10 < _LEAST_SKEW:
        return grey
    return grey.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=_WHITE)


def _enlarged(grey: Image.Image) -> Image.Image:
    factor = min(_MOST_ENLARGED, _LEAST_LENGTH / max(grey.size))
    if factor <= 1:
        return grey
    size = (round(grey.width * factor), round(grey.height * factor))
    return grey.resize(size, Image.Resampling.BICUBIC)
