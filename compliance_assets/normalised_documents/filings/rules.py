"""What must hold between the fields of a filing: check digits, sums, caps, the year's table. The list is `RULES`.

A rule that cannot be applied, because a field it needs was not found, says nothing: what is missing is said by `missing`.
Amounts that a program computes may be cut or rounded to the cent; both are accepted, nothing in between.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property
from typing import Literal

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.filings.fields import DEDUCTIONS, Field, Filing, Finding
from compliance_assets.normalised_documents.filings.law import Law, known_years, law_of
from compliance_assets.normalised_documents.filings.locator_map import layout_states
from compliance_assets.normalised_documents.filings.values import is_valid_taxpayer_id, money

_CENT = Decimal("0.01")

_ALWAYS = (
    Field.TAXPAYER_ID,
    Field.NAME,
    Field.CALENDAR_YEAR,
    Field.FILER_CATEGORY,
    Field.RETURN_TYPE,
    Field.TAXABLE_INCOME,
    Field.TAX_BASE,
    Field.TAX_DUE,
    Field.TAX_WITHHELD,
)
_BY_CATEGORY = {
    "completa": (Field.OFFICIAL_PENSION, Field.DEPENDANTS_DEDUCTION, Field.EDUCATION, Field.MEDICAL),
    "simplificada": (Field.SIMPLIFIED_DISCOUNT,),
}


@dataclass(frozen=True)
class Stated:
    """A filing's values as numbers, with the law of its year."""

    filing: Filing
    law: Law | None

    @cached_property
    def amounts(self) -> dict[Field, Decimal]:
        """Every amount that the filing states."""
        return {f.field: money(f.value) for f in self.filing.fields if _is_amount(f.value)}

    def value(self, name: Field) -> str | None:
        """As the filing states it."""
        return self.filing.value(name)

    def has(self, *names: Field) -> bool:
        """Whether all these amounts are stated."""
        return all(name in self.amounts for name in names)


Rule = Callable[[Stated], tuple[Field, ...] | None]


def judged(filing: Filing, *, certain: bool) -> Filing:
    """The filing with what it lacks and what it breaks.

    What no return can state is a doubt in any document. A sum that does not close is the filer's where the values are
    `certain`, and a finding for whoever decides; where OCR read the characters, or free text had to be understood, it may
    be a misreading: a doubt.
    """
    findings = tuple(broken(filing))
    doubts = list(filing.doubts)
    doubts += [f"missing_field: {name}" for name in missing(filing) if f"ambiguous_field: {name}" not in doubts]
    named = {name for name in Field if f"missing_field: {name}" in doubts}
    doubts += [
        f"check_failed: {f.rule}" for f in findings if (f.impossible or not certain) and not named.issuperset(f.fields)
    ]
    return replace(filing, findings=findings, doubts=tuple(dict.fromkeys(doubts)))


def missing(filing: Filing) -> Iterator[Field]:
    """The fields that a filing of its category must state and does not."""
    category = filing.value(Field.FILER_CATEGORY)
    for name in (*_ALWAYS, *_BY_CATEGORY.get(category or "", ())):
        if filing.value(name) is None:
            yield name
    if filing.value(Field.TAX_TO_PAY) is None and filing.value(Field.TAX_REFUND) is None:
        yield Field.TAX_TO_PAY


def broken(filing: Filing) -> Iterator[Finding]:
    """One finding for each rule that the stated values break."""
    stated = Stated(filing, _law(filing))
    for name, (weight, rule) in RULES.items():
        fields = rule(stated)
        if fields is not None:
            yield Finding(name, fields, weight == "impossible")


def _law(filing: Filing) -> Law | None:
    try:
        return law_of(int(filing.value(Field.CALENDAR_YEAR) or 0))
    except InvalidInput:
        return None


def _is_amount(value: str) -> bool:
    return "." in value and value.replace(".", "", 1).lstrip("-").isdigit()


def _to_the_cent(exact: Decimal, stated: Decimal) -> bool:
    return stated in (exact.quantize(_CENT, ROUND_FLOOR), exact.quantize(_CENT, ROUND_CEILING))


# --- the rules: the fields that contradict each other, or None ---


def _taxpayer_check_digits(stated: Stated) -> tuple[Field, ...] | None:
    value = stated.value(Field.TAXPAYER_ID)
    return (Field.TAXPAYER_ID,) if value is not None and not is_valid_taxpayer_id(value) else None


def _dependant_check_digits(stated: Stated) -> tuple[Field, ...] | None:
    wrong = not all(map(is_valid_taxpayer_id, stated.filing.values(Field.DEPENDANT_ID)))
    return (Field.DEPENDANT_ID,) if wrong else None


def _payer_check_digits(stated: Stated) -> tuple[Field, ...] | None:
    return (Field.PAYER_ID,) if not all(map(is_valid_taxpayer_id, stated.filing.values(Field.PAYER_ID))) else None


def _filing_year_follows(stated: Stated) -> tuple[Field, ...] | None:
    calendar, filing = stated.value(Field.CALENDAR_YEAR), stated.value(Field.FILING_YEAR)
    if calendar is None or filing is None or int(filing) == int(calendar) + 1:
        return None
    return (Field.CALENDAR_YEAR, Field.FILING_YEAR)


def _retificadora_has_receipt(stated: Stated) -> tuple[Field, ...] | None:
    lacks = stated.value(Field.CORRECTED_RECEIPT) is None
    return (Field.CORRECTED_RECEIPT,) if lacks and stated.value(Field.RETURN_TYPE) == "retificadora" else None


def _original_has_no_receipt(stated: Stated) -> tuple[Field, ...] | None:
    has = stated.value(Field.CORRECTED_RECEIPT) is not None
    return (
        (Field.RETURN_TYPE, Field.CORRECTED_RECEIPT) if has and stated.value(Field.RETURN_TYPE) == "original" else None
    )


def _dependant_once(stated: Stated) -> tuple[Field, ...] | None:
    ids = (*stated.filing.values(Field.DEPENDANT_ID), *filter(None, [stated.value(Field.TAXPAYER_ID)]))
    return (Field.DEPENDANT_ID,) if len(set(ids)) < len(ids) else None


def _dependants_counted(stated: Stated) -> tuple[Field, ...] | None:
    ids, count = stated.filing.values(Field.DEPENDANT_ID), stated.value(Field.DEPENDANTS)
    listed = layout_states(stated.filing.layout, Field.DEPENDANT_ID)
    return (Field.DEPENDANTS, Field.DEPENDANT_ID) if listed and count is not None and int(count) != len(ids) else None


def _dependants_deduction(stated: Stated) -> tuple[Field, ...] | None:
    count = stated.value(Field.DEPENDANTS)
    if stated.law is None or count is None or not stated.has(Field.DEPENDANTS_DEDUCTION):
        return None
    due = stated.law.dependant * int(count)
    return None if stated.amounts[Field.DEPENDANTS_DEDUCTION] == due else (Field.DEPENDANTS_DEDUCTION, Field.DEPENDANTS)


def _education_cap(stated: Stated) -> tuple[Field, ...] | None:
    count = stated.value(Field.DEPENDANTS)
    if stated.law is None or count is None or not stated.has(Field.EDUCATION):
        return None
    cap = stated.law.education_cap * (1 + int(count))
    return (Field.EDUCATION,) if stated.amounts[Field.EDUCATION] > cap else None


def _private_pension_cap(stated: Stated) -> tuple[Field, ...] | None:
    if stated.law is None or not stated.has(Field.PRIVATE_PENSION, Field.TAXABLE_INCOME):
        return None
    cap = stated.amounts[Field.TAXABLE_INCOME] * stated.law.private_pension_share
    return (
        (Field.PRIVATE_PENSION,) if stated.amounts[Field.PRIVATE_PENSION] > cap.quantize(_CENT, ROUND_CEILING) else None
    )


def _simplified_discount(stated: Stated) -> tuple[Field, ...] | None:
    if stated.law is None or not stated.has(Field.SIMPLIFIED_DISCOUNT, Field.TAXABLE_INCOME):
        return None
    due = min(stated.amounts[Field.TAXABLE_INCOME] * stated.law.simplified_share, stated.law.simplified_cap)
    fits = _to_the_cent(due, stated.amounts[Field.SIMPLIFIED_DISCOUNT])
    return None if fits else (Field.SIMPLIFIED_DISCOUNT, Field.TAXABLE_INCOME)


def _deductions_add_up(stated: Stated) -> tuple[Field, ...] | None:
    parts = [name for name in DEDUCTIONS if stated.has(name)]
    if not parts or not stated.has(Field.TOTAL_DEDUCTIONS):
        return None
    closes = sum(stated.amounts[name] for name in parts) == stated.amounts[Field.TOTAL_DEDUCTIONS]
    return None if closes else (Field.TOTAL_DEDUCTIONS, *parts)


def _base_follows(stated: Stated) -> tuple[Field, ...] | None:
    if not stated.has(Field.TAX_BASE, Field.TAXABLE_INCOME):
        return None
    taken = _taken_off(stated)
    if not taken:
        return None
    base = max(stated.amounts[Field.TAXABLE_INCOME] - sum(stated.amounts[name] for name in taken), Decimal(0))
    return None if stated.amounts[Field.TAX_BASE] == base else (Field.TAX_BASE, Field.TAXABLE_INCOME, *taken)


def _taken_off(stated: Stated) -> tuple[Field, ...]:
    category = stated.value(Field.FILER_CATEGORY)
    if category == "simplificada":
        return (Field.SIMPLIFIED_DISCOUNT,) if stated.has(Field.SIMPLIFIED_DISCOUNT) else ()
    if category == "completa" and stated.has(Field.TOTAL_DEDUCTIONS):
        return (Field.TOTAL_DEDUCTIONS,)
    return tuple(name for name in DEDUCTIONS if stated.has(name)) if category == "completa" else ()


def _tax_by_another_years_table(stated: Stated) -> tuple[Field, ...] | None:
    if _tax_by_table(stated) is None:
        return None
    base, tax = stated.amounts[Field.TAX_BASE], stated.amounts[Field.TAX_DUE]
    others = (law_of(year) for year in known_years())
    return (Field.TAX_DUE, Field.CALENDAR_YEAR) if any(_to_the_cent(law.tax(base), tax) for law in others) else None


def _tax_by_no_table(stated: Stated) -> tuple[Field, ...] | None:
    return None if _tax_by_another_years_table(stated) else _tax_by_table(stated)


def _tax_by_table(stated: Stated) -> tuple[Field, ...] | None:
    if stated.law is None or not stated.has(Field.TAX_BASE, Field.TAX_DUE):
        return None
    fits = _to_the_cent(stated.law.tax(stated.amounts[Field.TAX_BASE]), stated.amounts[Field.TAX_DUE])
    return None if fits else (Field.TAX_DUE, Field.TAX_BASE)


def _balance_follows(stated: Stated) -> tuple[Field, ...] | None:
    """Where only what was withheld is stated, more may have been paid, which lowers the balance and never raises it."""
    paid = Field.TAX_PAID if stated.has(Field.TAX_PAID) else Field.TAX_WITHHELD
    if not stated.has(Field.TAX_DUE, paid) or not (stated.has(Field.TAX_TO_PAY) or stated.has(Field.TAX_REFUND)):
        return None
    balance = stated.amounts.get(Field.TAX_TO_PAY, Decimal(0)) - stated.amounts.get(Field.TAX_REFUND, Decimal(0))
    left = stated.amounts[Field.TAX_DUE] - stated.amounts[paid]
    closes = balance == left if paid is Field.TAX_PAID else balance <= left
    return None if closes else (Field.TAX_TO_PAY, Field.TAX_REFUND, Field.TAX_DUE, paid)


def _paid_covers_withheld(stated: Stated) -> tuple[Field, ...] | None:
    if not stated.has(Field.TAX_PAID, Field.TAX_WITHHELD):
        return None
    covers = stated.amounts[Field.TAX_PAID] >= stated.amounts[Field.TAX_WITHHELD]
    return None if covers else (Field.TAX_PAID, Field.TAX_WITHHELD)


def _refund_within_paid(stated: Stated) -> tuple[Field, ...] | None:
    paid = Field.TAX_PAID if stated.has(Field.TAX_PAID) else Field.TAX_WITHHELD
    if not stated.has(Field.TAX_REFUND, paid):
        return None
    return (Field.TAX_REFUND, paid) if stated.amounts[Field.TAX_REFUND] > stated.amounts[paid] else None


def _withheld_by_someone(stated: Stated) -> tuple[Field, ...] | None:
    if not layout_states(stated.filing.layout, Field.PAYER_ID) or not stated.has(Field.TAX_WITHHELD):
        return None
    nobody = not stated.filing.values(Field.PAYER_ID)
    return (Field.TAX_WITHHELD, Field.PAYER_ID) if nobody and stated.amounts[Field.TAX_WITHHELD] > 0 else None


def _amounts_not_negative(stated: Stated) -> tuple[Field, ...] | None:
    """No amount of a return is below zero: a sign is a misreading, or a balance under the name of the other."""
    negative = tuple(name for name, amount in stated.amounts.items() if amount.is_signed())
    return negative or None


RULES: dict[str, tuple[Literal["impossible", "contradiction"], Rule]] = {
    "amounts_not_negative": ("impossible", _amounts_not_negative),
    "taxpayer_check_digits": ("impossible", _taxpayer_check_digits),
    "dependant_check_digits": ("contradiction", _dependant_check_digits),
    "payer_check_digits": ("contradiction", _payer_check_digits),
    "filing_year_follows_calendar_year": ("impossible", _filing_year_follows),
    "retificadora_has_receipt": ("contradiction", _retificadora_has_receipt),
    "original_has_no_receipt": ("contradiction", _original_has_no_receipt),
    "dependant_claimed_once": ("contradiction", _dependant_once),
    "dependants_counted": ("contradiction", _dependants_counted),
    "dependants_deduction_by_count": ("contradiction", _dependants_deduction),
    "education_within_cap": ("contradiction", _education_cap),
    "private_pension_within_cap": ("contradiction", _private_pension_cap),
    "simplified_discount_by_law": ("contradiction", _simplified_discount),
    "deductions_add_up": ("contradiction", _deductions_add_up),
    "base_is_income_less_deductions": ("contradiction", _base_follows),
    "tax_not_by_another_years_table": ("contradiction", _tax_by_another_years_table),
    "tax_by_the_years_table": ("contradiction", _tax_by_no_table),
    "balance_is_due_less_paid": ("contradiction", _balance_follows),
    "paid_covers_withheld": ("contradiction", _paid_covers_withheld),
    "refund_within_paid": ("contradiction", _refund_within_paid),
    "withheld_by_a_payer": ("contradiction", _withheld_by_someone),
}
