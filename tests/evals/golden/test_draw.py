"""Invented returns: right by the law, or wrong in exactly the way that they say."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj, cpf

from compliance_assets.normalised_documents.filings.fields import DEDUCTIONS, Field
from compliance_assets.normalised_documents.filings.law import known_years, law_of
from evals.golden import people
from evals.golden.anomalies import draw_declaration
from evals.golden.declaration import Anomaly, Category, Declaration, ReturnType

CATEGORIES = st.sampled_from(("completa", "simplificada"))
RETURN_TYPES = st.sampled_from(("original", "retificadora"))


@given(st.integers(0, 2**32), st.sampled_from(known_years()), CATEGORIES, RETURN_TYPES)
def test_a_return_without_an_anomaly_closes_by_the_law(
    seed: int, year: int, category: Category, return_type: ReturnType
) -> None:
    assert wrong_with(draw_declaration(Random(seed), year, category, return_type)) == set()


@given(st.integers(0, 2**32), st.sampled_from(known_years()), CATEGORIES, RETURN_TYPES, st.sampled_from(list(Anomaly)))
def test_an_injected_anomaly_is_the_only_one_but_for_what_follows_from_it(
    seed: int, year: int, category: Category, return_type: ReturnType, anomaly: Anomaly
) -> None:
    declaration = draw_declaration(Random(seed), year, category, return_type, anomaly)
    follows = {Anomaly.ARITHMETIC} if anomaly is Anomaly.REFUND_ABOVE_WITHHELD else set()
    assert wrong_with(declaration) == {anomaly} | follows
    assert declaration.anomalies == (anomaly,)


@given(st.integers(0, 2**32), st.sampled_from(known_years()), CATEGORIES)
def test_a_return_never_both_pays_and_is_refunded(seed: int, year: int, category: Category) -> None:
    stated = draw_declaration(Random(seed), year, category, "original").stated
    assert min(stated[Field.TAX_TO_PAY], stated[Field.TAX_REFUND]) == 0


@given(st.integers(0, 2**32))
def test_invented_numbers_have_the_check_digits_of_real_ones(seed: int) -> None:
    rng = Random(seed)
    assert cpf.is_valid(people.cpf_number(rng))
    assert cnpj.is_valid(people.cnpj_number(rng))
    assert not cpf.is_valid(people.with_wrong_check_digit(people.cpf_number(rng)))
    assert not cnpj.is_valid(people.with_wrong_check_digit(people.cnpj_number(rng)))


def test_the_same_seed_draws_the_same_return() -> None:
    drawn = [draw_declaration(Random(7), 2020, "completa", "original") for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != draw_declaration(Random(8), 2020, "completa", "original")


def test_some_returns_owe_nothing_and_some_are_refunded() -> None:
    drawn = [draw_declaration(Random(seed), 2023, "simplificada", "original").stated for seed in range(200)]
    assert any(stated[Field.TAX_DUE] == 0 for stated in drawn)
    assert any(stated[Field.TAX_TO_PAY] > 0 for stated in drawn)
    assert any(stated[Field.TAX_REFUND] > 0 for stated in drawn)
    assert any(stated[Field.TAX_PAID] > stated[Field.TAX_WITHHELD] for stated in drawn)


@pytest.mark.parametrize("category", ["completa", "simplificada"])
def test_a_return_states_the_totals_of_its_own_category_alone(category: Category) -> None:
    stated = draw_declaration(Random(1), 2024, category, "original").stated
    assert (Field.SIMPLIFIED_DISCOUNT in stated) == (category == "simplificada")
    assert all((name in stated) == (category == "completa") for name in (*DEDUCTIONS, Field.TOTAL_DEDUCTIONS))


def wrong_with(declaration: Declaration) -> set[Anomaly]:
    """What an auditor would find from the return alone: written apart from the generator."""
    law, stated, found = law_of(declaration.calendar_year), declaration.stated, set()
    income, base, due = stated[Field.TAXABLE_INCOME], stated[Field.TAX_BASE], stated[Field.TAX_DUE]
    if declaration.category == "completa":
        deducted = sum(stated[name] for name in DEDUCTIONS)
        persons = 1 + len(declaration.dependants)
        above = (
            stated[Field.EDUCATION] > law.education_cap * persons
            or stated[Field.PRIVATE_PENSION] > (income * Decimal("0.12")).quantize(Decimal("0.01")) + Decimal("0.01")
            or stated[Field.DEPENDANTS_DEDUCTION] > law.dependant * len(declaration.dependants)
        )
        adds_up = deducted == stated[Field.TOTAL_DEDUCTIONS]
    else:
        deducted = stated[Field.SIMPLIFIED_DISCOUNT]
        above = deducted > law.simplified_cap
        adds_up = True
    balance = stated[Field.TAX_TO_PAY] - stated[Field.TAX_REFUND]
    if not adds_up or base != max(income - deducted, 0) or balance != due - stated[Field.TAX_PAID]:
        found.add(Anomaly.ARITHMETIC)
    if above:
        found.add(Anomaly.DEDUCTION_ABOVE_CAP)
    if due != law.tax_due(base):
        found.add(Anomaly.WRONG_YEAR_TABLE)
    if stated[Field.TAX_REFUND] > stated[Field.TAX_WITHHELD]:
        found.add(Anomaly.REFUND_ABOVE_WITHHELD)
    dependants = [dependant.person.cpf for dependant in declaration.dependants]
    if len(set(dependants)) < len(dependants):
        found.add(Anomaly.DEPENDANT_TWICE)
    if stated[Field.TAX_WITHHELD] > 0 and not declaration.payers:
        found.add(Anomaly.WITHHOLDING_WITHOUT_EMPLOYER)
    if not all(map(cpf.is_valid, [declaration.taxpayer.cpf, *dependants])) or not all(
        cnpj.is_valid(payer.cnpj) for payer in declaration.payers
    ):
        found.add(Anomaly.IMPOSSIBLE_CHECK_DIGIT)
    if declaration.return_type == "retificadora" and declaration.corrected_receipt is None:
        found.add(Anomaly.RETIFICADORA_WITHOUT_RECEIPT)
    return found
