"""Injects what can be wrong with a return. Each function makes one thing wrong and lets the rest follow from it.

Two consequences cannot be avoided: a refund above what was paid is no balance of the tax due, so that return does not
close either; and a dependant who is claimed twice is counted twice.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random

from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.law import cents, known_years, law_of
from evals.golden import people
from evals.golden.declaration import Anomaly, Category, Declaration, Payment, ReturnType
from evals.golden.draw import EDUCATION_CODE, PRIVATE_PENSION_CODE, ZERO, balanced, closed, draw_dependants, draw_return

# With this income in BRL every return owes tax in every year, and had tax withheld.
_LEAST_INCOME = 120_000
# Amounts in BRL that are plainly no rounding.
_OFF_BY = (100, 900, 1_350, 2_700, 9_000)


def draw_declaration(
    rng: Random, calendar_year: int, category: Category, return_type: ReturnType, anomaly: Anomaly | None = None
) -> Declaration:
    """An invented return, right by the law of its year but for the anomaly."""
    if anomaly is None:
        return draw_return(rng, calendar_year, category, return_type)
    return inject(draw_return(rng, calendar_year, category, return_type, _LEAST_INCOME), anomaly, rng)


def inject(declaration: Declaration, anomaly: Anomaly, rng: Random) -> Declaration:
    """The return with the anomaly, which it names. Its income has to be one that owes tax."""
    wrong = _INJECTIONS[anomaly](declaration, rng)
    return replace(wrong, anomalies=(*declaration.anomalies, anomaly))


def _arithmetic(declaration: Declaration, rng: Random) -> Declaration:
    """A base that is not income less deductions, or a balance that is not tax due less tax paid."""
    stated = dict(declaration.stated)
    off = Decimal(rng.choice(_OFF_BY)) + ZERO
    if rng.random() < 0.5:
        base = stated[Field.TAX_BASE] - off
        law = law_of(declaration.calendar_year)
        return replace(declaration, stated=balanced({**stated, Field.TAX_BASE: base, Field.TAX_DUE: law.tax_due(base)}))
    if stated[Field.TAX_REFUND] > 0:  # a smaller one: it stays below the tax withheld
        return replace(declaration, stated={**stated, Field.TAX_REFUND: cents(stated[Field.TAX_REFUND] / 2)})
    return replace(declaration, stated={**stated, Field.TAX_TO_PAY: stated[Field.TAX_TO_PAY] + off})


def _deduction_above_cap(declaration: Declaration, rng: Random) -> Declaration:
    law = law_of(declaration.calendar_year)
    stated = dict(declaration.stated)
    if declaration.category == "simplificada":
        discount = stated[Field.SIMPLIFIED_DISCOUNT] + Decimal(rng.choice(_OFF_BY))
        return replace(declaration, stated=closed({**stated, Field.SIMPLIFIED_DISCOUNT: discount}, law))
    if rng.random() < 0.5:
        amount = cents(stated[Field.TAXABLE_INCOME] * rng.randint(14, 18) / 100)
        payments = _with_payment(declaration, PRIVATE_PENSION_CODE, amount, rng)
        return replace(declaration, payments=payments, stated=closed({**stated, Field.PRIVATE_PENSION: amount}, law))
    # Above what all persons of the return may deduct together, so that it shows from the totals alone.
    amount = cents(law.education_cap * (1 + len(declaration.dependants)) * rng.randint(115, 180) / 100)
    payments = _with_payment(declaration, EDUCATION_CODE, amount, rng)
    return replace(declaration, payments=payments, stated=closed({**stated, Field.EDUCATION: amount}, law))


def _wrong_year_table(declaration: Declaration, rng: Random) -> Declaration:
    base = declaration.stated[Field.TAX_BASE]
    right = law_of(declaration.calendar_year).tax_due(base)
    others = sorted({other for year in known_years() if (other := law_of(year).tax_due(base)) != right})
    return replace(declaration, stated=balanced({**declaration.stated, Field.TAX_DUE: rng.choice(others)}))


def _dependant_twice(declaration: Declaration, rng: Random) -> Declaration:
    dependants = declaration.dependants or draw_dependants(rng, declaration.calendar_year, 1)
    dependants = (*dependants, rng.choice(dependants))
    law = law_of(declaration.calendar_year)
    stated = dict(declaration.stated)
    if declaration.category == "completa":
        stated[Field.DEPENDANTS_DEDUCTION] = law.dependant * len(dependants)
    return replace(declaration, dependants=dependants, stated=closed(stated, law))


def _withholding_without_employer(declaration: Declaration, rng: Random) -> Declaration:
    return replace(declaration, payers=())


def _impossible_check_digit(declaration: Declaration, rng: Random) -> Declaration:
    """The taxpayer's own number, a payer's, or a dependant's where there is one."""
    kind = rng.choice(("taxpayer", "payer", "dependant") if declaration.dependants else ("taxpayer", "payer"))
    if kind == "taxpayer":
        wrong = people.with_wrong_check_digit(declaration.taxpayer.cpf)
        return replace(declaration, taxpayer=replace(declaration.taxpayer, cpf=wrong))
    if kind == "payer":
        first, *others = declaration.payers
        first = replace(first, cnpj=people.with_wrong_check_digit(first.cnpj))
        return replace(declaration, payers=(first, *others))
    eldest, *younger = declaration.dependants
    wrong = people.with_wrong_check_digit(eldest.person.cpf)
    return replace(declaration, dependants=(replace(eldest, person=replace(eldest.person, cpf=wrong)), *younger))


def _refund_above_withheld(declaration: Declaration, rng: Random) -> Declaration:
    refund = declaration.stated[Field.TAX_PAID] + Decimal(rng.choice(_OFF_BY))
    return replace(declaration, stated={**declaration.stated, Field.TAX_TO_PAY: ZERO, Field.TAX_REFUND: refund})


def _retificadora_without_receipt(declaration: Declaration, rng: Random) -> Declaration:
    return replace(declaration, return_type="retificadora", corrected_receipt=None)


def _with_payment(declaration: Declaration, code: str, amount: Decimal, rng: Random) -> tuple[Payment, ...]:
    """The payments with one alone of the code."""
    others = tuple(payment for payment in declaration.payments if payment.code != code)
    return (*others, Payment(code, people.payee(rng, code), people.payee_number(rng, code), amount, ZERO))


_INJECTIONS: Mapping[Anomaly, Callable[[Declaration, Random], Declaration]] = {
    Anomaly.ARITHMETIC: _arithmetic,
    Anomaly.DEDUCTION_ABOVE_CAP: _deduction_above_cap,
    Anomaly.WRONG_YEAR_TABLE: _wrong_year_table,
    Anomaly.DEPENDANT_TWICE: _dependant_twice,
    Anomaly.WITHHOLDING_WITHOUT_EMPLOYER: _withholding_without_employer,
    Anomaly.IMPOSSIBLE_CHECK_DIGIT: _impossible_check_digit,
    Anomaly.REFUND_ABOVE_WITHHELD: _refund_above_withheld,
    Anomaly.RETIFICADORA_WITHOUT_RECEIPT: _retificadora_without_receipt,
}
