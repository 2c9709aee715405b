from decimal import Decimal
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.filings.fields import Field, Finding
from compliance_assets.normalised_documents.filings.law import known_years, law_of
from compliance_assets.normalised_documents.filings.locator_map import locator_map
from compliance_assets.normalised_documents.filings.rules import broken, judged
from tests.normalised_documents.filings.returns import COMPLETA, SIMPLIFICADA, filing

VALID_CPFS = ("11111111030", "33333333414")


def rules_broken_by(stated: dict[Field, str], **repeated: tuple[str, ...]) -> set[str]:
    return {finding.rule for finding in broken(filing(stated, **repeated))}


@pytest.mark.parametrize("stated", [COMPLETA, SIMPLIFICADA])
def test_a_return_that_is_right_breaks_no_rule_and_lacks_nothing(stated: dict[Field, str]) -> None:
    judgement = judged(filing(stated), certain=False)

    assert (judgement.findings, judgement.doubts) == ((), ())


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({Field.TAXPAYER_ID: "22222222304"}, "taxpayer_check_digits"),
        ({Field.FILING_YEAR: "2019"}, "filing_year_follows_calendar_year"),
        ({Field.RETURN_TYPE: "retificadora"}, "retificadora_has_receipt"),
        ({Field.CORRECTED_RECEIPT: "1234567890"}, "original_has_no_receipt"),
        ({Field.DEPENDANTS_DEDUCTION: "2275.08", Field.MEDICAL: "4163.42"}, "dependants_deduction_by_count"),
        ({Field.EDUCATION: "10684.51", Field.MEDICAL: "-5234.67"}, "education_within_cap"),
        ({Field.PRIVATE_PENSION: "12000.01", Field.MEDICAL: "-8111.67"}, "private_pension_within_cap"),
        ({Field.MEDICAL: "1888.35"}, "deductions_add_up"),
        ({Field.TAX_BASE: "83000.01"}, "base_is_income_less_deductions"),
        ({Field.TAX_DUE: "12392.69", Field.TAX_TO_PAY: "2392.69"}, "tax_by_the_years_table"),
        ({Field.TAX_DUE: "12267.87", Field.TAX_TO_PAY: "2267.87"}, "tax_not_by_another_years_table"),
        ({Field.TAX_TO_PAY: "2392.67"}, "balance_is_due_less_paid"),
        ({Field.TAX_WITHHELD: "10000.01"}, "paid_covers_withheld"),
    ],
)
def test_one_wrong_value_breaks_the_rule_that_names_it(changes: dict[Field, str], rule: str) -> None:
    assert rule in rules_broken_by(COMPLETA | changes)


def test_a_refund_above_what_was_paid_is_found() -> None:
    assert rules_broken_by(SIMPLIFICADA | {Field.TAX_REFUND: "20000.00"}) == {"refund_within_paid"}


def test_a_balance_may_be_lower_than_what_was_withheld_explains_but_never_higher() -> None:
    more_was_paid = SIMPLIFICADA | {Field.TAX_REFUND: "139.95"}

    assert rules_broken_by(more_was_paid) == set()
    assert rules_broken_by(more_was_paid | {Field.TAX_PAID: "15521.65"}) == set()
    assert rules_broken_by(more_was_paid | {Field.TAX_PAID: "15521.66"}) == {"balance_is_due_less_paid"}
    assert rules_broken_by(SIMPLIFICADA | {Field.TAX_REFUND: "39.94"}) == {"balance_is_due_less_paid"}


def test_a_discount_that_is_not_the_laws_is_found() -> None:
    assert "simplified_discount_by_law" in rules_broken_by(SIMPLIFICADA | {Field.SIMPLIFIED_DISCOUNT: "16754.35"})


def test_a_dependant_claimed_twice_or_the_filer_as_dependant_is_found() -> None:
    assert "dependant_claimed_once" not in rules_broken_by(COMPLETA, dependant_id=VALID_CPFS)
    assert "dependant_claimed_once" in rules_broken_by(COMPLETA, dependant_id=(VALID_CPFS[0], VALID_CPFS[0]))
    assert "dependant_claimed_once" in rules_broken_by(COMPLETA, dependant_id=(COMPLETA[Field.TAXPAYER_ID],))


def test_wrong_check_digits_of_others_are_found() -> None:
    assert "dependant_check_digits" in rules_broken_by(COMPLETA, dependant_id=("11111111031",))
    assert "payer_check_digits" in rules_broken_by(COMPLETA, payer_id=("99111111000133",))
    assert "payer_check_digits" not in rules_broken_by(COMPLETA, payer_id=("99111111000132",))


def test_withholding_without_a_payer_is_found_only_where_the_layout_lists_payers() -> None:
    lists = next(p.layout for p in locator_map("fixed_width") if p.field is Field.PAYER_ID)

    assert "withheld_by_a_payer" in {f.rule for f in broken(filing(SIMPLIFICADA, layout=lists))}
    assert "withheld_by_a_payer" not in rules_broken_by(SIMPLIFICADA)
    assert "withheld_by_a_payer" not in {
        f.rule for f in broken(filing(SIMPLIFICADA, layout=lists, payer_id=("99111111000132",)))
    }


def test_a_sum_that_does_not_close_is_the_filers_in_a_text_and_may_be_ours_in_a_scan() -> None:
    wrong = filing(SIMPLIFICADA | {Field.TAX_BASE: "93869.19"})

    assert judged(wrong, certain=True).doubts == ()
    assert "base_is_income_less_deductions" in {f.rule for f in judged(wrong, certain=True).findings}
    assert "check_failed: base_is_income_less_deductions" in judged(wrong, certain=False).doubts


def test_an_impossible_taxpayer_goes_to_a_person_in_any_format() -> None:
    nobody = filing(SIMPLIFICADA | {Field.TAXPAYER_ID: "22222222304"})

    assert judged(nobody, certain=True).doubts == ("check_failed: taxpayer_check_digits",)
    assert judged(nobody, certain=True).findings == (Finding("taxpayer_check_digits", (Field.TAXPAYER_ID,), True),)


@pytest.mark.parametrize("missing", [Field.TAX_DUE, Field.NAME, Field.SIMPLIFIED_DISCOUNT])
def test_a_missing_field_is_named_and_never_its_value(missing: Field) -> None:
    doubts = judged(filing({k: v for k, v in SIMPLIFICADA.items() if k is not missing}), certain=True).doubts

    assert doubts == (f"missing_field: {missing}",)


def test_a_year_without_a_known_law_breaks_no_rule_of_the_law() -> None:
    assert rules_broken_by(SIMPLIFICADA | {Field.CALENDAR_YEAR: "1999", Field.FILING_YEAR: "2000"}) == set()


@given(st.sampled_from(known_years()), st.decimals(0, 1_000_000, places=2))
def test_the_tax_of_any_base_may_be_cut_or_rounded_to_the_cent_and_nothing_else(year: int, base: Decimal) -> None:
    exact = law_of(year).tax(base)
    stated = {Field.CALENDAR_YEAR: str(year), Field.TAX_BASE: f"{base:.2f}"}
    rules = {"tax_by_the_years_table", "tax_not_by_another_years_table"}

    for cents in (floor(exact * 100), ceil(exact * 100)):
        assert not rules & rules_broken_by(stated | {Field.TAX_DUE: f"{Decimal(cents) / 100:.2f}"})
    beyond = Decimal(ceil(exact * 100) + 1) / 100
    assert rules & rules_broken_by(stated | {Field.TAX_DUE: f"{beyond:.2f}"})


def test_an_amount_below_zero_is_no_amount_of_a_return() -> None:
    finding = next(f for f in broken(filing(SIMPLIFICADA | {Field.TAX_REFUND: "-39.95"})) if f.impossible)

    assert (finding.rule, finding.fields) == ("amounts_not_negative", (Field.TAX_REFUND,))
