"""What is marked and how it looks: spans of text, boxes on an image."""

from collections.abc import Iterable, Sequence

from PIL import Image, ImageChops, ImageDraw

from compliance_assets.normalised_documents.words import Box

Span = tuple[int, int]  # [start, end) in code points

INK = (28, 32, 40)
MARK = (255, 231, 122)
MARK_EDGE = (214, 110, 12)
_ROOM = 2  # pixels between the characters and the edge of their mark


def marked(image: Image.Image, boxes: Iterable[Box]) -> Image.Image:
    """The image in colour, the boxes tinted as with a marker pen: what was dark stays legible."""
    page = image.convert("RGB")
    draw = ImageDraw.Draw(page)
    for box in boxes:
        corners = (
            max(0, round(box.left) - _ROOM),
            max(0, round(box.top) - _ROOM),
            min(page.width, round(box.right) + _ROOM),
            min(page.height, round(box.bottom) + _ROOM),
        )
        if corners[0] < corners[2] and corners[1] < corners[3]:
            under = page.crop(corners)
            page.paste(ImageChops.multiply(under, Image.new("RGB", under.size, MARK)), corners)
            draw.rectangle((corners[0], corners[1], corners[2] - 1, corners[3] - 1), outline=MARK_EDGE, width=2)
    return page


def in_lines(boxes: Sequence[Box]) -> list[Box]:
    """Boxes of characters in reading order, joined where one follows the other on its line, in whatever direction."""
    lines: list[Box] = []
    last: Box | None = None
    for box in boxes:
        if last is not None and _follows(last, box):
            lines[-1] = _around(lines[-1], box)
        else:
            lines.append(box)
        last = box
    return lines


def _follows(before: Box, box: Box) -> bool:
    across, down = (
        _gap(before.left, before.right, box.left, box.right),
        _gap(before.top, before.bottom, box.top, box.bottom),
    )
    height = max(before.bottom - before.top, box.bottom - box.top)
    width = max(before.right - before.left, box.right - box.left)
    beside = down < -0.5 * min(before.bottom - before.top, box.bottom - box.top) and across <= height
    below = across < -0.5 * min(before.right - before.left, box.right - box.left) and down <= 0.3 * width
    return beside or below


def _gap(start: float, end: float, other_start: float, other_end: float) -> float:
    """The distance of two intervals; negative where they overlap."""
    return max(start, other_start) - min(end, other_end)


def _around(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left), min(one.top, other.top), max(one.right, other.right), max(one.bottom, other.bottom)
    )
