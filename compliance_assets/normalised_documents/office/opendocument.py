"""OpenDocument texts, sheets and slides (ISO/IEC 26300), zipped or as one flat XML file.

A text is one page, each sheet and each slide is one. Deleted text is no text; comments are the reviewer's, not the author's.
"""

from collections.abc import Iterator
from itertools import repeat

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.office.container import (
    ENCRYPTED,
    Container,
    Element,
    attribute,
    check_xml,
    children,
    first_text,
    local,
    parse_xml,
)
from compliance_assets.normalised_documents.office.contents import Contents, Unreadable, outcome, row, titled
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome
from compliance_assets.normalised_documents.sniff import media_type_of

_KIND = "application/vnd.oasis.opendocument"
MEDIA_TYPES = tuple(
    f"{_KIND}.{kind}"
    for kind in ("text", "text-template", "spreadsheet", "spreadsheet-template", "presentation", "graphics")
)
FLAT_MEDIA_TYPE = f"{_KIND}.text-flat-xml"
NORMALISER = "office.opendocument"

_CONTENT, _META, _MANIFEST = "content.xml", "meta.xml", "META-INF/manifest.xml"
_MAX_FLAT = 64 * 1024 * 1024
_SKIPPED = frozenset(
    {"tracked-changes", "annotation", "scripts", "font-face-decls", "automatic-styles", "forms", "settings"}
)
_DEEPEST_HEADING = 6
_MOST_SPACES = 1_000
_MOST_COLUMNS = 16_384


def parse(data: bytes) -> Outcome:
    """The document, its sheets or its slides."""
    return outcome(_read, data, media_type_of(data), NORMALISER)


def parse_flat(data: bytes) -> Outcome:
    """The same from a flat XML file (.fodt, .fods, .fodp)."""
    return outcome(_read_flat, data, FLAT_MEDIA_TYPE, NORMALISER)


def _read(data: bytes) -> Contents:
    container = Container(data)
    if _MANIFEST in container.names and b"encryption-data" in container.read(_MANIFEST):
        raise Unreadable(ENCRYPTED, DocumentState.NEEDS_HUMAN)
    title = first_text(container.xml(_META), "{*}title") if _META in container.names else None
    return Contents(_pages(container.xml(_CONTENT)), title, container.has_macros)


def _read_flat(data: bytes) -> Contents:
    if len(data) > _MAX_FLAT:
        raise Unreadable(f"too_large: {len(data)} bytes, at most {_MAX_FLAT}")
    check_xml(data)
    root = parse_xml(data)
    scripts = root.find("./{*}scripts")
    return Contents(_pages(root), first_text(root, "{*}meta/{*}title"), scripts is not None and len(scripts) > 0)


def _pages(root: Element) -> Iterator[Iterator[str]]:
    for body in root.iterfind("./{*}body/*"):
        match local(body):
            case "spreadsheet":
                yield from (_sheet(table) for table in children(body, "table"))
            case "presentation" | "drawing":
                yield from (_lines(page) for page in children(body, "page"))
            case _:
                yield _lines(body)


def _sheet(table: Element) -> Iterator[str]:
    return titled(attribute(table, "name") or "", _rows(table))


def _lines(element: Element) -> Iterator[str]:
    for child in element:
        match local(child):
            case "h":
                yield from _heading(child)
            case "p":
                yield from _paragraph(child)
            case "table":
                yield from _rows(child)
            case name if name not in _SKIPPED:
                yield from _lines(child)


def _heading(element: Element) -> Iterator[str]:
    level = attribute(element, "outline-level") or "1"
    depth = min(int(level), _DEEPEST_HEADING) if level.isascii() and level.isdigit() else 1
    if text := " ".join("".join(_inline(element, [])).split()):
        yield "#" * max(depth, 1) + " " + text


def _paragraph(element: Element) -> Iterator[str]:
    boxes: list[Element] = []
    text = "".join(_inline(element, boxes))
    if text.strip():
        yield text
    for box in boxes:
        yield from _lines(box)


def _inline(element: Element, boxes: list[Element]) -> Iterator[str]:
    """The pieces of a paragraph's text; frames that are anchored in it have lines of their own."""
    yield element.text or ""
    for child in element:
        match local(child):
            case "s":
                yield " " * min(_count(child, "c"), _MOST_SPACES)
            case "tab":
                yield "\t"
            case "line-break":
                yield "\n"
            case "text-box" | "table":
                boxes.append(child)
            case name if name and name not in _SKIPPED:
                yield from _inline(child, boxes)
        yield child.tail or ""


def _rows(table: Element) -> Iterator[str]:
    """The rows that hold something, as often as they stand there."""
    for child in table:
        match local(child):
            case "table-row":
                if line := row(_cells(child)):
                    yield from repeat(line, _count(child, "number-rows-repeated"))
            case "table-header-rows" | "table-rows" | "table-row-group":
                yield from _rows(child)


def _cells(table_row: Element) -> Iterator[str]:
    characters = 0
    for cell in table_row:
        if local(cell) in ("table-cell", "covered-table-cell"):
            text = " ".join(_lines(cell))
            times = min(_count(cell, "number-columns-repeated"), _MOST_COLUMNS)
            characters += times * len(text)
            if characters > MAX_CHARACTERS:
                raise Unreadable(f"too_large: more than {MAX_CHARACTERS} characters")
            yield from repeat(text, times)


def _count(element: Element, name: str) -> int:
    value = attribute(element, name) or "1"
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 1
