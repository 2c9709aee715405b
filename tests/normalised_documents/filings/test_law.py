import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.filings.law import known_years, law_of

OFFICIAL = Path(__file__).parents[4] / "shared/data/irpf_reference/tables_2025/aliquotas.xml"
CENT = Decimal("0.01")


def test_the_tax_of_a_known_return_comes_out_to_the_cent() -> None:
    assert law_of(2019).tax_due(Decimal("93869.18")) == Decimal("15381.70")


def test_a_base_within_the_first_band_owes_nothing() -> None:
    assert law_of(2024).tax_due(Decimal("26963.20")) == 0
    assert law_of(2024).tax_due(Decimal("26963.70")) == Decimal("0.04")


def test_the_simplified_discount_is_a_fifth_of_the_income_up_to_the_cap() -> None:
    assert law_of(2022).simplified_discount(Decimal("50000.00")) == Decimal("10000.00")
    assert law_of(2022).simplified_discount(Decimal("200000.00")) == Decimal("16754.34")


def test_a_year_without_a_row_is_refused_with_the_years_that_are_known() -> None:
    with pytest.raises(InvalidInput, match="2015 to 2025"):
        law_of(2014)


@pytest.mark.parametrize("year", known_years())
def test_a_parcel_makes_the_tax_continuous_where_a_band_begins(year: int) -> None:
    """The parcels are published rounded to cents, so the sum of the steps may be off by one: it is for 15% of 2025."""
    exact = Decimal(0)
    bands = law_of(year).bands
    for lower, upper in pairwise(bands):
        assert lower.up_to is not None
        exact += lower.up_to * (upper.rate - lower.rate)
        allowed = CENT if (year, upper.rate) == (2025, Decimal("0.15")) else CENT / 2
        assert abs(upper.parcel - exact) <= allowed


@given(
    st.sampled_from(known_years()),
    st.decimals(0, 1_000_000, places=2),
    st.decimals(0, 10_000, places=2),
)
def test_a_higher_base_never_owes_less_by_more_than_the_rounding_of_a_parcel(
    year: int, base: Decimal, more: Decimal
) -> None:
    assert law_of(year).tax(base + more) >= law_of(year).tax(base) - CENT


@pytest.mark.skipif(not OFFICIAL.exists(), reason=f"the official tables are not at {OFFICIAL}")
def test_the_row_of_2024_is_what_the_official_program_has() -> None:
    official = dict(re.findall(r'COL1="(\w+)" COL2="(\d+)"', OFFICIAL.read_text(encoding="utf-8")))
    law = law_of(int(official["anoCalendario"]))
    assert [band.up_to for band in law.bands[:4]] == [
        Decimal(official[f"valorAjusteLimiteAnualFaixa{n}"]) / 100 for n in range(1, 5)
    ]
    for n, band in enumerate(law.bands[1:], start=1):
        assert band.rate == Decimal(official[f"percentualFaixa{n}"]) / 10_000
        assert band.parcel == Decimal(official[f"valorAjusteDescontoAnualFaixa{n}"]) / 10_000
    assert law.dependant == Decimal(official["deducaoDependente"]) / 100
    assert law.education_cap == Decimal(official["deducaoDespesaInstrucao"]) / 100
    assert law.simplified_cap == Decimal(official["descontoLimiteDPadrao"]) / 100
    assert law.simplified_share == Decimal(official["descontoPercentualDPadrao"]) / 10_000
    assert law.private_pension_share == Decimal(official["deducaoPrevidenciaPrivada"]) / 10_000
    assert law.must_file.taxable_income == Decimal(official["limiteIsencao"]) / 100
    assert law.must_file.exempt_income == Decimal(official["limiteRendimentosIsentosTributExclusiva"]) / 100
    assert law.must_file.assets == Decimal(official["limiteBensDireitos"]) / 100
    assert law.must_file.rural_revenue == Decimal(official["limiteReceitaBrutaAtividadeRural"]) / 100
