import re

import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.filings import locator_map as module
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.locator_map import (
    FORMATS,
    Place,
    layout_states,
    locator_map,
    years_of,
)

KNOWN_PLACES = {
    "fixed_width": re.compile(r"\d+-\d+"),
    "xml": re.compile("attribute|text|count|exercise"),
    "page": re.compile("right|below|column|rows|heading"),
    "email": re.compile("after"),
}
BY_CATEGORY = {
    "completa": {Field.OFFICIAL_PENSION, Field.DEPENDANTS_DEDUCTION, Field.EDUCATION, Field.MEDICAL},
    "simplificada": {Field.SIMPLIFIED_DISCOUNT},
}
ALWAYS = {
    Field.TAXPAYER_ID, Field.NAME, Field.CALENDAR_YEAR, Field.FILER_CATEGORY, Field.RETURN_TYPE, Field.CORRECTED_RECEIPT,
    Field.TAXABLE_INCOME, Field.TAX_BASE, Field.TAX_DUE, Field.TAX_WITHHELD, Field.TAX_TO_PAY, Field.TAX_REFUND,
}  # fmt: skip


@pytest.mark.parametrize("document_format", FORMATS)
def test_every_row_says_a_place_that_its_reader_knows(document_format: str) -> None:
    assert [p for p in locator_map(document_format) if not KNOWN_PLACES[document_format].fullmatch(p.place)] == []


@pytest.mark.parametrize("document_format", FORMATS)
@pytest.mark.parametrize("category", ["completa", "simplificada"])
def test_each_year_of_a_format_has_a_place_for_every_field_of_both_categories(
    document_format: str, category: str
) -> None:
    for year in years_of(document_format):
        stated = {p.field for p in locator_map(document_format) if p.serves(year, category)}
        assert (ALWAYS | BY_CATEGORY[category]) - stated == set(), year


def test_the_same_field_stands_in_at_least_five_places() -> None:
    places = {(p.section, p.label, p.place) for f in FORMATS for p in locator_map(f) if p.field is Field.TAXABLE_INCOME}

    assert len(places) >= 5


def test_a_layout_states_what_one_of_its_rows_places() -> None:
    row = next(p for p in locator_map("fixed_width") if p.field is Field.PAYER_ID)

    assert layout_states(row.layout, Field.PAYER_ID)
    assert not layout_states("no such layout", Field.PAYER_ID)


def test_a_row_serves_its_years_and_its_category_alone() -> None:
    place = Place("l", 2017, 2018, "completa", Field.NAME, "", "Nome", "right")

    assert [y for y in range(2015, 2021) if place.serves(y, "completa")] == [2017, 2018]
    assert not place.serves(2017, "simplificada")


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"first_year": "next"}, "next"),
        ({"field": "shoe_size"}, "shoe_size"),
        ({"first_year": "2019", "last_year": "2018"}, "2019"),
        ({"category": "rich"}, "rich"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_by_its_line(row: dict[str, str], found: str) -> None:
    fine = dict.fromkeys(module._COLUMNS, "x") | {
        "first_year": "2017", "last_year": "2018", "category": "*", "field": "name",
    }  # fmt: skip

    with pytest.raises(InvalidInput, match="line 7") as refusal:
        module._place("page", 7, fine | row)
    assert found in str(refusal.value)


def test_amounts_are_the_fields_without_another_kind() -> None:
    assert kind_of(Field.TAX_DUE) is Kind.AMOUNT
    assert kind_of(Field.TAXPAYER_ID) is Kind.CPF
