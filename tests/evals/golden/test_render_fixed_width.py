import zlib
from dataclasses import replace
from datetime import date
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.normalised_documents import fixed_width
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden import render_fixed_width
from evals.golden.anomalies import draw_declaration
from evals.golden.declaration import Anomaly, Category, Person
from tests.evals.golden.small_declaration import small_declaration

CATEGORIES: tuple[Category, ...] = ("completa", "simplificada")


def located(data: bytes) -> dict[str, tuple[str, tuple[int, int]]]:
    outcome = fixed_width.parse(data)
    assert isinstance(outcome, Parsed)
    assert outcome.needs_human == ()
    assert outcome.filing is not None
    return {field.key: (field.value, (field.start, field.end)) for field in outcome.filing.fields}


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("year", sorted(render_fixed_width.YEARS))
def test_what_is_written_is_read_back_to_the_character(year: int, category: Category) -> None:
    declaration = small_declaration(category, year)
    rendered = render_fixed_width.render(declaration)
    assert located(rendered.data) == {
        key: (value, rendered.spans[key]) for key, value in declaration.values().items() if key in rendered.spans
    }


@settings(deadline=None, max_examples=60)
@given(
    st.integers(), st.sampled_from(sorted(render_fixed_width.YEARS)), st.sampled_from(CATEGORIES),
    st.sampled_from([None, *(a for a in Anomaly if a is not Anomaly.RETIFICADORA_WITHOUT_RECEIPT)]),
)  # fmt: skip
def test_every_drawn_return_can_be_written_and_read_back(
    seed: int, year: int, category: Category, anomaly: Anomaly | None
) -> None:
    declaration = draw_declaration(Random(seed), year, category, "original", anomaly)
    rendered = render_fixed_width.render(declaration)
    assert {key: value for key, (value, _) in located(rendered.data).items()} == {
        key: value for key, value in declaration.values().items() if key in rendered.spans
    }


def test_only_the_total_paid_of_a_simplified_return_is_not_printed() -> None:
    """Its record has the tax withheld alone."""
    for category, absent in (("completa", set()), ("simplificada", {Field.TAX_PAID})):
        declaration = small_declaration(category)  # type: ignore[arg-type]
        assert declaration.values().keys() - render_fixed_width.render(declaration).spans.keys() == absent


def test_the_spans_quote_what_the_file_prints() -> None:
    rendered = render_fixed_width.render(small_declaration("simplificada"))
    quoted = {key: rendered.text[start:end] for key, (start, end) in rendered.spans.items()}
    assert quoted[Field.TAX_REFUND] == "0000000003995"
    assert quoted[Field.NAME] == "OLZEFU BYAISNO ASRIM"
    assert quoted[Field.FILER_CATEGORY] == "N"
    assert quoted["payer_id[2]"] == "99222222000116"
    assert quoted["dependant_id[2]"] == "44444444425"
    assert quoted[Field.DEPENDANTS] == "00002"


def test_every_line_ends_as_the_official_program_ends_it_and_proves_itself() -> None:
    data = render_fixed_width.render(small_declaration()).data
    header, *records = data.removesuffix(b"\r\n").split(b"\r\n")
    assert all(f"{zlib.crc32(record[:-10]):010d}".encode() == record[-10:] for record in records)
    assert f"{zlib.crc32(b'22222222.DEC' + header[:-10]):010d}".encode() == header[-10:]
    assert [record[:2] for record in records][-4:] == [b"T9", b"HR", b"DR", b"R9"]
    assert b"\n" not in data.replace(b"\r\n", b"")


def test_a_retificadora_names_the_receipt_that_it_corrects_and_one_without_leaves_it_blank() -> None:
    corrects = small_declaration(return_type="retificadora", corrected_receipt="1234567890")
    lacks = replace(corrects, corrected_receipt=None)
    assert located(render_fixed_width.render(corrects).data)[Field.CORRECTED_RECEIPT][0] == "1234567890"
    assert Field.CORRECTED_RECEIPT not in located(render_fixed_width.render(lacks).data)


def test_an_impossible_cpf_is_written_as_it_is() -> None:
    wrong = small_declaration(taxpayer=Person("OLZEFU BYAISNO ASRIM", "22222222300", date(1983, 2, 1)))
    assert located(render_fixed_width.render(wrong).data)[Field.TAXPAYER_ID][0] == "22222222300"


def test_the_same_return_is_the_same_bytes() -> None:
    assert render_fixed_width.render(small_declaration()) == render_fixed_width.render(small_declaration())


def test_a_year_without_a_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="calendar year 2020"):
        render_fixed_width.render(small_declaration(calendar_year=2020))
