"""What the generator writes, the parser reads, character for character; and nothing that is not written is read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from compliance_assets.normalised_documents import mail
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.in_mail import read_filing
from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden.declaration import Declaration, Person
from evals.golden.render_email import VARIANTS, render

COMPLETA = Declaration(
    calendar_year=2023,
    category="completa",
    return_type="retificadora",
    corrected_receipt="1234567890",
    taxpayer=Person("MARIA HELENA DOS SANTOS", "22222222303", date(1980, 1, 2)),
    occupation="PROFESSOR DO ENSINO MEDIO",
    city="RECIFE",
    state="PE",
    payers=(),
    dependants=(),
    payments=(),
    stated={
        Field.TAXABLE_INCOME: Decimal("120345.67"),
        Field.OFFICIAL_PENSION: Decimal("9000.01"),
        Field.PRIVATE_PENSION: Decimal("0.00"),
        Field.DEPENDANTS_DEDUCTION: Decimal("0.00"),
        Field.EDUCATION: Decimal("3561.50"),
        Field.MEDICAL: Decimal("800.00"),
        Field.ALIMONY: Decimal("12000.00"),
        Field.CASH_BOOK: Decimal("10.10"),
        Field.TOTAL_DEDUCTIONS: Decimal("25371.61"),
        Field.TAX_BASE: Decimal("94974.06"),
        Field.TAX_DUE: Decimal("15560.73"),
        Field.TAX_WITHHELD: Decimal("18000.00"),
        Field.TAX_PAID: Decimal("18000.00"),
        Field.TAX_REFUND: Decimal("2439.27"),
    },
)
SIMPLIFICADA = replace(
    COMPLETA,
    category="simplificada",
    return_type="original",
    corrected_receipt=None,
    stated={
        Field.TAXABLE_INCOME: Decimal("1060345.67"),
        Field.SIMPLIFIED_DISCOUNT: Decimal("16754.34"),
        Field.TAX_BASE: Decimal("1043591.33"),
        Field.TAX_DUE: Decimal("276430.48"),
        Field.TAX_WITHHELD: Decimal("0.00"),
        Field.TAX_PAID: Decimal("0.00"),
        Field.TAX_TO_PAY: Decimal("276430.48"),
    },
)
REQUIRED = (
    Field.TAXPAYER_ID,
    Field.NAME,
    Field.CALENDAR_YEAR,
    Field.FILER_CATEGORY,
    Field.RETURN_TYPE,
    Field.CORRECTED_RECEIPT,
    Field.TAXABLE_INCOME,
    Field.MEDICAL,
    Field.TAX_BASE,
    Field.TAX_DUE,
    Field.TAX_WITHHELD,
)


def read(data: bytes) -> Parsed:
    outcome = mail.parse(data, read_filing)
    assert isinstance(outcome, Parsed), outcome
    return outcome


@pytest.mark.parametrize("declaration", [COMPLETA, SIMPLIFICADA], ids=["completa", "simplificada"])
@pytest.mark.parametrize("variant", range(VARIANTS))
def test_every_field_is_read_where_it_was_written(declaration: Declaration, variant: int) -> None:
    rendered = render(declaration, variant)
    parsed = read(rendered.data)
    assert parsed.text == rendered.text
    assert parsed.page_ends == rendered.page_ends
    assert parsed.filing is not None
    assert parsed.filing.doubts == ()
    truth = declaration.values()
    read_fields = {located.key: (located.value, located.start, located.end) for located in parsed.filing.fields}
    assert read_fields == {key: (truth[key], *span) for key, span in rendered.spans.items()}
    assert set(rendered.spans) >= {str(name) for name in declaration.stated}


@pytest.mark.parametrize("variant", range(VARIANTS))
@pytest.mark.parametrize("name", REQUIRED)
def test_a_field_that_is_left_out_is_missed_and_nothing_else(variant: int, name: Field) -> None:
    rendered = render(COMPLETA, variant, leave_out=name)
    assert str(name) not in rendered.spans
    filing = read(rendered.data).filing
    assert filing is not None
    assert filing.doubts == (f"missing_field: {name}",)
    assert filing.value(name) is None


@pytest.mark.parametrize("variant", range(VARIANTS))
def test_the_same_declaration_gives_the_same_bytes(variant: int) -> None:
    assert render(COMPLETA, variant) == render(replace(COMPLETA), variant)


def test_the_variants_differ_in_how_a_mail_is_made() -> None:
    files = [render(COMPLETA, variant).data for variant in range(VARIANTS)]
    assert [b"base64" in files[0], b"iso-8859-1" in files[1], b"text/html" in files[3]] == [True, True, True]
    assert b"multipart/alternative" in files[4]
    assert [attachment.name for attachment in read(files[4]).attachments] == ["observação.txt"]
    assert "escreveu:\n>" in render(COMPLETA, 5).text
    assert "Imposto devido: R$ 14.004,66" in render(COMPLETA, 5).text
