"""Slides (OOXML PresentationML, ECMA-376): one page a slide, its title marked as a heading, its notes behind it."""

from collections.abc import Iterator

from compliance_assets.normalised_documents.office.container import Container, Element, attribute, children, local
from compliance_assets.normalised_documents.office.contents import Contents, outcome, row
from compliance_assets.normalised_documents.parsed import Outcome

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
NORMALISER = "office.slides"

_TITLES = frozenset({"title", "ctrTitle"})
# What a layout prints on every slide, and in the notes the small picture of the slide.
_FURNITURE = frozenset({"sldNum", "sldImg", "dt"})


def parse(data: bytes) -> Outcome:
    """The slides in their order."""
    return outcome(_read, data, MEDIA_TYPE, NORMALISER)


def _read(data: bytes) -> Contents:
    container = Container(data)
    pages = (_slide(container, slide) for slide in _slides(container))
    return Contents(pages, container.title(), container.has_macros, container.attachments())


def _slides(container: Container) -> Iterator[str]:
    parts = container.related(container.main_part, "slide")
    order = (
        value
        for slide in container.xml(container.main_part).iterfind("./{*}sldIdLst/{*}sldId")
        for key, value in slide.attrib.items()
        if key.endswith("}id")
    )
    return (parts[identifier] for identifier in order if identifier in parts)


def _slide(container: Container, part: str) -> Iterator[str]:
    yield from _lines(container.xml(part))
    for notes in container.related(part, "notesSlide").values():
        yield from _lines(container.xml(notes))


def _lines(element: Element) -> Iterator[str]:
    for child in element:
        match local(child):
            case "sp":
                yield from _shape(child)
            case "tbl":
                yield from filter(None, map(_table_row, children(child, "tr")))
            case "AlternateContent":
                yield from _lines(next(children(child, "Choice"), next(children(child, "Fallback"), child[:0])))
            case "p":
                yield from filter(str.strip, [_paragraph(child)])
            case _:
                yield from _lines(child)


def _shape(shape: Element) -> Iterator[str]:
    placeholder = shape.find("./{*}nvSpPr/{*}nvPr/{*}ph")
    kind = None if placeholder is None else attribute(placeholder, "type")
    if kind in _FURNITURE:
        return
    lines = [_paragraph(paragraph) for paragraph in shape.iterfind("./{*}txBody/{*}p")]
    if kind in _TITLES:
        lines = ["# " + " ".join(" ".join(lines).split())] if any(map(str.strip, lines)) else []
    yield from filter(str.strip, lines)


def _table_row(table_row: Element) -> str:
    return row(" ".join(map(_paragraph, cell.iterfind(".//{*}p"))) for cell in children(table_row, "tc"))


def _paragraph(paragraph: Element) -> str:
    pieces = ("\n" if local(e) == "br" else e.text or "" for e in paragraph.iter("{*}t", "{*}br"))
    return "".join(pieces)
