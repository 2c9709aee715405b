import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.filings.fields import Kind
from compliance_assets.normalised_documents.filings.values import amount_of_cents, canonical, is_valid_taxpayer_id


@pytest.mark.parametrize(
    ("kind", "printed", "value"),
    [
        (Kind.AMOUNT, "1.234,56", "1234.56"),
        (Kind.AMOUNT, "R$ 1.234,56", "1234.56"),
        (Kind.AMOUNT, "0,00", "0.00"),
        (Kind.AMOUNT, "1234,56", "1234.56"),
        (Kind.AMOUNT, "1,234.56", None),
        (Kind.AMOUNT, "12.34,56", None),
        (Kind.AMOUNT, "1.234", None),
        (Kind.CPF, "222.222.223-03", "22222222303"),
        (Kind.CPF, "22222222303", "22222222303"),
        (Kind.CPF, "222.222.223-0", None),
        (Kind.CPF_OR_CNPJ, "99.111.111/0001-32", "99111111000132"),
        (Kind.YEAR, "2019", "2019"),
        (Kind.YEAR, "19", None),
        (Kind.COUNT, "02", "2"),
        (Kind.RECEIPT, "12.34.56.78.90-12", "123456789012"),
        (Kind.CATEGORY, "DEDUÇÕES LEGAIS", "completa"),
        (Kind.CATEGORY, "Desconto  Simplificado", "simplificada"),
        (Kind.CATEGORY, "outra", None),
        (Kind.RETURN_TYPE, "RETIFICADORA", "retificadora"),
        (Kind.RETURN_TYPE, "Declaração original", "original"),
        (Kind.TEXT, "ANA  FURIREZU", "ANA FURIREZU"),
    ],
)
def test_a_printed_value_has_one_canonical_form_or_none(kind: Kind, printed: str, value: str | None) -> None:
    assert canonical(kind, printed) == value


@given(st.integers(0, 10**13 - 1))
def test_cents_and_print_agree(cents: int) -> None:
    printed = f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"

    assert canonical(Kind.AMOUNT, printed) == amount_of_cents(str(cents).zfill(13))


@given(st.text(max_size=30), st.sampled_from(Kind))
def test_any_text_is_read_or_refused_without_an_error(text: str, kind: Kind) -> None:
    canonical(kind, text)


def test_check_digits_decide_whether_an_id_can_be() -> None:
    assert is_valid_taxpayer_id("22222222303")
    assert is_valid_taxpayer_id("99111111000132")
    assert not is_valid_taxpayer_id("22222222304")
    assert not is_valid_taxpayer_id("11111111111")
