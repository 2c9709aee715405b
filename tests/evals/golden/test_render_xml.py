from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.normalised_documents import xml
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden import render_xml
from evals.golden.anomalies import draw_declaration
from evals.golden.declaration import Anomaly, Category, Person
from tests.evals.golden.small_declaration import small_declaration

CATEGORIES: tuple[Category, ...] = ("completa", "simplificada")


def parsed(data: bytes) -> Parsed:
    outcome = xml.parse(data)
    assert isinstance(outcome, Parsed)
    assert outcome.needs_human == ()
    return outcome


def located(data: bytes) -> dict[str, tuple[str, tuple[int, int]]]:
    filing = parsed(data).filing
    assert filing is not None
    return {field.key: (field.value, (field.start, field.end)) for field in filing.fields}


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("year", sorted(render_xml.YEARS))
def test_what_is_written_is_valid_and_is_read_back_to_the_character(year: int, category: Category) -> None:
    declaration = small_declaration(category, year)
    rendered = render_xml.render(declaration)
    assert parsed(rendered.data).text == rendered.text
    assert located(rendered.data) == {key: (value, rendered.spans[key]) for key, value in declaration.values().items()}


@settings(deadline=None, max_examples=60)
@given(
    st.integers(), st.sampled_from(sorted(render_xml.YEARS)), st.sampled_from(CATEGORIES),
    st.sampled_from([None, *(a for a in Anomaly if a is not Anomaly.RETIFICADORA_WITHOUT_RECEIPT)]),
)  # fmt: skip
def test_every_drawn_return_can_be_written_and_read_back(
    seed: int, year: int, category: Category, anomaly: Anomaly | None
) -> None:
    declaration = draw_declaration(Random(seed), year, category, "original", anomaly)
    rendered = render_xml.render(declaration)
    assert parsed(rendered.data).text == rendered.text
    assert {key: value for key, (value, _) in located(rendered.data).items()} == {
        key: value for key, value in declaration.values().items() if key in rendered.spans
    }


def test_the_forms_print_one_amount_in_different_places_and_ways() -> None:
    lines = {}
    for year in (2018, 2019, 2020):
        rendered = render_xml.render(small_declaration("completa", year))
        start, end = rendered.spans[Field.TAX_BASE]
        lines[year] = rendered.text[rendered.text.rindex("\n", 0, start) + 1 : end]
    assert lines == {
        2018: "imposto / baseCalculo: 96.159,92",
        2019: "calculoImposto / baseCalculo: 96.159,92",
        2020: "imposto / base: 96159.92",
    }


def test_the_programs_own_data_hold_decoys_beside_the_values() -> None:
    text = render_xml.render(small_declaration("simplificada", 2019)).text
    assert "calculoImposto / imposto: 7.690,85" in text
    assert "rendimentosTributaveisDeducoes / totalDeducoes: 0,00" in text
    data = render_xml.render(small_declaration("simplificada", 2019)).data
    assert located(data)[Field.TAX_DUE][0] == "15381.70"
    assert Field.TOTAL_DEDUCTIONS not in located(data)


@pytest.mark.parametrize("year", [2016, 2019, 2024])
def test_characters_that_markup_uses_survive(year: int) -> None:
    name = "D'ALVA <\"&> ÇÃO"
    declaration = small_declaration(calendar_year=year, taxpayer=Person(name, "22222222303", date(1983, 2, 1)))
    assert located(render_xml.render(declaration).data)[Field.NAME][0] == name


@pytest.mark.parametrize(("year", "stated"), [(2016, True), (2019, False), (2024, True)])
def test_no_dependants_are_stated_where_the_form_has_a_number_for_them(year: int, stated: bool) -> None:
    declaration = small_declaration(calendar_year=year, dependants=())
    found = located(render_xml.render(declaration).data)
    assert (found[Field.DEPENDANTS][0] == "0") if stated else Field.DEPENDANTS not in found


@pytest.mark.parametrize("year", [2016, 2019, 2024])
def test_a_retificadora_names_the_receipt_that_it_corrects_and_one_without_leaves_it_out(year: int) -> None:
    corrects = small_declaration(calendar_year=year, return_type="retificadora", corrected_receipt="1234567890")
    lacks = replace(corrects, corrected_receipt=None)
    assert located(render_xml.render(corrects).data)[Field.CORRECTED_RECEIPT][0] == "1234567890"
    assert Field.CORRECTED_RECEIPT not in located(render_xml.render(lacks).data)


@pytest.mark.parametrize("year", [2016, 2019, 2024])
def test_an_impossible_cpf_and_a_negative_base_are_written_as_they_are(year: int) -> None:
    declaration = small_declaration(calendar_year=year, taxpayer=Person("A B", "22222222300", date(1983, 2, 1)))
    declaration = replace(declaration, stated={**declaration.stated, Field.TAX_BASE: Decimal("-1234.50")})
    found = located(render_xml.render(declaration).data)
    assert found[Field.TAXPAYER_ID][0] == "22222222300"
    assert found[Field.TAX_BASE][0] == "-1234.50"


def test_the_same_return_is_the_same_bytes() -> None:
    assert render_xml.render(small_declaration()) == render_xml.render(small_declaration())


def test_a_year_without_a_form_is_refused() -> None:
    with pytest.raises(ValueError, match="calendar year 2014"):
        render_xml.render(small_declaration(calendar_year=2014))
