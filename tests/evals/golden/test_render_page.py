from random import Random

import pypdfium2
import pytest

from compliance_assets.normalised_documents.filings.fields import Field, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.values import canonical, folded
from evals.golden.anomalies import draw_declaration
from evals.golden.declaration import Anomaly, Category, Declaration
from evals.golden.layouts import HARD_LAYOUTS, LAYOUTS, Heading, Layout, layout_named, layout_of
from evals.golden.render_page import render_pdf
from evals.golden.rendered import Rendered

EVERY_LAYOUT = pytest.mark.parametrize("layout", [*LAYOUTS, *HARD_LAYOUTS], ids=lambda layout: layout.name)
BOTH_CATEGORIES = pytest.mark.parametrize("category", ["completa", "simplificada"])


@EVERY_LAYOUT
@BOTH_CATEGORIES
def test_a_span_covers_what_is_printed_of_the_field(layout: Layout, category: Category) -> None:
    for seed in range(20):
        declaration = _declaration(seed, layout, category)
        rendered, values = render_pdf(declaration, layout), declaration.values()
        for key, (start, end) in rendered.spans.items():
            field = Field(key.partition("[")[0])
            if field is not Field.DEPENDANTS:  # its span may be the rows of a table
                assert canonical(kind_of(field), rendered.text[start:end]) == values[key]


@EVERY_LAYOUT
@BOTH_CATEGORIES
def test_every_field_of_a_return_is_printed(layout: Layout, category: Category) -> None:
    declaration = _declaration(3, layout, category)
    not_stated = {Field.FILING_YEAR} if layout.name == "hard-result-first" else set()
    assert set(render_pdf(declaration, layout).spans) == set(declaration.values()) - not_stated


@EVERY_LAYOUT
@BOTH_CATEGORIES
def test_the_text_is_what_a_pdf_reader_finds_page_by_page(layout: Layout, category: Category) -> None:
    rendered = render_pdf(_declaration(5, layout, category), layout)
    with pypdfium2.PdfDocument(rendered.data) as document:
        found = [page.get_textpage().get_text_range() for page in document]
    starts = (0, *rendered.page_ends)
    printed = [rendered.text[a:b] for a, b in zip(starts, rendered.page_ends, strict=False)]
    assert [sorted(page.split()) for page in found] == [sorted(page.split()) for page in printed]


@EVERY_LAYOUT
def test_nothing_overlaps_whatever_is_drawn(layout: Layout) -> None:
    """The renderer refuses a line without room."""
    for seed in range(12):
        for anomaly in (None, *Anomaly):
            category: Category = "simplificada" if seed % 2 else "completa"
            rendered = render_pdf(_declaration(seed, layout, category, anomaly), layout)
            assert 1 <= len(rendered.page_ends) <= 3


def test_the_bytes_depend_on_the_declaration_and_the_layout_alone() -> None:
    declaration = _declaration(1, LAYOUTS[0], "completa")
    first, again = (render_pdf(declaration, LAYOUTS[0]).data for _ in range(2))
    assert first == again
    assert first != render_pdf(declaration, LAYOUTS[1]).data


def test_every_year_has_one_layout() -> None:
    assert [layout_of(year).name for year in range(2015, 2026)] == [
        layout.name for layout in LAYOUTS for _ in range(layout.first_year, layout.last_year + 1)
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@BOTH_CATEGORIES
def test_the_locator_map_names_the_places_of_every_printed_field(layout: Layout, category: Category) -> None:
    rendered = render_pdf(_declaration(4, layout, category, Anomaly.DEPENDANT_TWICE), layout)
    places = [p for p in locator_map("page") if p.layout == layout.name and p.serves(layout.first_year, category)]
    assert {p.field for p in places} == {Field(key.partition("[")[0]) for key in rendered.spans}
    first_places = {place.field: place for place in reversed(places)}  # a name and a number are printed twice
    for place in first_places.values():
        assert _label_leads_to_its_value(place, rendered), place


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@BOTH_CATEGORIES
def test_a_label_stands_once_in_its_section(layout: Layout, category: Category) -> None:
    rendered = render_pdf(_declaration(4, layout, category, Anomaly.DEPENDANT_TWICE), layout)
    for place in locator_map("page"):
        in_a_part = place.section in {heading.text for heading in _headings(layout)}
        if place.layout == layout.name and place.serves(layout.first_year, category) and in_a_part:
            cells = [cell for line in _section(place, rendered) for cell in line.split("  ")]
            assert sum(_without_number(cell) == folded(place.label) for cell in cells) == 1, place


def _declaration(seed: int, layout: Layout, category: Category, anomaly: Anomaly | None = None) -> Declaration:
    rng = Random(seed)
    return draw_declaration(rng, rng.randint(layout.first_year, layout.last_year), category, "retificadora", anomaly)


def _label_leads_to_its_value(place: Place, rendered: Rendered) -> bool:
    """The label is printed before the value, in its section, on the line that the place says."""
    key = f"{place.field}[1]" if place.place == "column" else str(place.field)
    start, _ = rendered.spans[key]
    before = folded(rendered.text[:start])
    label = folded(place.label)
    lines = before.splitlines()
    if place.section and folded(place.section) not in lines:
        return False
    match place.place:
        case "heading":
            return before.rstrip().endswith(label)
        case "right":
            return label in lines[-1]
        case "below":
            return label in lines[-2] or (before.endswith("\n") and label in lines[-1])
        case "column" | "rows":
            return label in folded("\n".join(_section(place, rendered)))
    return False


def _section(place: Place, rendered: Rendered) -> list[str]:
    """The lines of a section: to where the next heading stands, or to the end."""
    layout = layout_named(place.layout)
    headings = {folded(heading.text) for heading in _headings(layout)}
    lines = folded(rendered.text).splitlines()
    first = lines.index(folded(place.section)) + 1
    last = next((i for i in range(first, len(lines)) if lines[i] in headings), len(lines))
    return lines[first:last]


def _headings(layout: Layout) -> list[Heading]:
    return [part for part in (*layout.completa, *layout.simplificada) if isinstance(part, Heading)]


def _without_number(cell: str) -> str:
    number, dot, label = cell.partition(". ")
    return label if dot and number.isdigit() else cell
