"""Word documents (OOXML WordprocessingML, ECMA-376): paragraphs and tables in order, headings marked as in Markdown.

Headers and footers stand once, before and after the text; notes stand behind it. Deleted text and field codes are not text.
"""

import re
from collections.abc import Iterator

from compliance_assets.normalised_documents.office.container import Container, Element, attribute, children, local
from compliance_assets.normalised_documents.office.contents import Contents, outcome, row
from compliance_assets.normalised_documents.parsed import Outcome

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
NORMALISER = "office.word"

_SKIPPED = frozenset(
    {"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "tblPr", "tblGrid", "sdtPr", "sectPr", "pict"}
)
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_DEEPEST_HEADING = 6
# Separators between the text and the notes are notes themselves.
_NO_NOTES = frozenset({"separator", "continuationSeparator", "continuationNotice"})


def parse(data: bytes) -> Outcome:
    """The document as one page."""
    return outcome(_read, data, MEDIA_TYPE, NORMALISER)


def _read(data: bytes) -> Contents:
    container = Container(data)
    return Contents([_lines(container)], container.title(), container.has_macros, container.attachments())


def _lines(container: Container) -> Iterator[str]:
    main = container.main_part
    levels = _heading_levels(container)
    body = container.xml(main)
    for kinds in (("header",), (), ("footnotes", "endnotes"), ("footer",)):
        if not kinds:
            yield from _blocks(body, levels)
        yield from _once(line for kind in kinds for line in _related_lines(container, main, kind, levels))


def _related_lines(container: Container, main: str, kind: str, levels: dict[str, int]) -> Iterator[str]:
    for part in container.related(main, kind).values():
        yield from _blocks(container.xml(part), levels)


def _once(lines: Iterator[str]) -> Iterator[str]:
    """The same header stands in a document for first, odd and even pages."""
    return iter(dict.fromkeys(line for line in lines if line.strip()))


def _heading_levels(container: Container) -> dict[str, int]:
    """Heading levels by style id. Style names are English whatever the language, the ids are not."""
    levels = {}
    for part in container.related(container.main_part, "styles").values():
        for style in children(container.xml(part), "style"):
            name = next((attribute(child, "val") or "" for child in children(style, "name")), "")
            if match := _HEADING_STYLE.fullmatch(name):
                levels[attribute(style, "styleId") or ""] = min(int(match[1]) or 1, _DEEPEST_HEADING)
            elif name.lower() == "title":
                levels[attribute(style, "styleId") or ""] = 1
    return levels


def _blocks(element: Element, levels: dict[str, int]) -> Iterator[str]:
    """The lines of paragraphs and tables below an element."""
    for child in element:
        match local(child):
            case "p":
                yield from _paragraph(child, levels)
            case "tbl":
                yield from _table(child, levels)
            case "AlternateContent":
                yield from _blocks(_chosen(child), levels)
            case "footnote" | "endnote" if attribute(child, "type") in _NO_NOTES:
                continue
            case name if name not in _SKIPPED:
                yield from _blocks(child, levels)


def _paragraph(paragraph: Element, levels: dict[str, int]) -> Iterator[str]:
    boxes: list[Element] = []
    text = "".join(_inline(paragraph, boxes))
    if text.strip():
        level = _level(paragraph, levels)
        yield "#" * level + " " + " ".join(text.split()) if level else text
    for box in boxes:
        yield from _blocks(box, levels)


def _level(paragraph: Element, levels: dict[str, int]) -> int:
    style = paragraph.find("./{*}pPr/{*}pStyle")
    return 0 if style is None else levels.get(attribute(style, "val") or "", 0)


def _inline(element: Element, boxes: list[Element]) -> Iterator[str]:
    """The pieces of a paragraph's text; text boxes that are anchored in it have lines of their own."""
    for child in element:
        name = local(child)
        if name == "t":
            yield child.text or ""
        elif name in _BREAKS:
            yield _BREAKS[name]
        elif name == "txbxContent":
            boxes.append(child)
        elif name == "AlternateContent":
            yield from _inline(_chosen(child), boxes)
        elif name == "pict" or name not in _SKIPPED:
            yield from _inline(child, boxes)


def _chosen(alternatives: Element) -> Element:
    """One of the ways in which the same content is written."""
    return next(children(alternatives, "Choice"), next(children(alternatives, "Fallback"), alternatives[:0]))


def _table(table: Element, levels: dict[str, int]) -> Iterator[str]:
    for table_row in _inside(table, "tr"):
        cells = (" ".join(_blocks(cell, levels)) for cell in _inside(table_row, "tc"))
        if line := row(cells):
            yield line


def _inside(element: Element, name: str) -> Iterator[Element]:
    """The rows or cells of a table, also those inside content controls and tracked insertions."""
    for child in element:
        found = local(child)
        if found == name:
            yield child
        elif found in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _inside(child, name)
