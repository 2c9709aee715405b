"""Draws invented returns: the items at random, the totals from the items by the law of the year.

Nothing is rounded but to cents, so a return without an anomaly closes exactly. What can be wrong with one is injected in
`anomalies.py`.
"""

from collections.abc import Sequence
from decimal import Decimal
from random import Random

from compliance_assets.normalised_documents.filings.fields import DEDUCTIONS, Field
from compliance_assets.normalised_documents.filings.law import Law, cents, law_of
from evals.golden import people
from evals.golden.declaration import Category, Declaration, Dependant, Payer, Payment, ReturnType

ZERO = Decimal("0.00")
EDUCATION_CODE = "01"
MEDICAL_CODES = ("10", "11", "21", "26")
ALIMONY_CODE = "30"
PRIVATE_PENSION_CODE = "36"

# Income of the year in BRL, and how often it is drawn: the first lies about the limit of who owes nothing.
_INCOMES = ((18_000, 30_000, 12), (30_000, 60_000, 30), (60_000, 150_000, 38), (150_000, 600_000, 20))
_RELATIONS = (("11", 25, 70), ("21", 0, 20), ("21", 0, 20), ("22", 21, 24), ("31", 55, 90))


def draw_return(
    rng: Random, calendar_year: int, category: Category, return_type: ReturnType, least_income: int = 0
) -> Declaration:
    """A return that is right by the law of its year. `least_income` is in BRL, at most 150,000."""
    law = law_of(calendar_year)
    payers = _payers(rng, law, _income(rng, least_income))
    dependants = draw_dependants(rng, calendar_year, rng.choices(range(5), weights=(35, 25, 22, 12, 6))[0])
    payments = _payments(rng, sum((p.income for p in payers), ZERO), 1 + len(dependants))
    return Declaration(
        calendar_year=calendar_year,
        category=category,
        return_type=return_type,
        corrected_receipt=people.receipt_number(rng) if return_type == "retificadora" else None,
        taxpayer=people.person(rng, calendar_year, youngest=24, oldest=78),
        occupation=rng.choice(people.OCCUPATIONS),
        city=(home := rng.choice(people.CITIES))[0],
        state=home[1],
        payers=payers,
        dependants=dependants,
        payments=payments,
        stated=_totals(rng, law, category, payers, len(dependants), payments),
    )


def draw_dependants(rng: Random, calendar_year: int, count: int) -> tuple[Dependant, ...]:
    """At most five dependants: a spouse, children, a student, a parent, each of a fitting age."""
    relations = sorted(rng.sample(_RELATIONS, count))
    return tuple(
        Dependant(people.person(rng, calendar_year, youngest=youngest, oldest=oldest), relation)
        for relation, youngest, oldest in relations
    )


def totals(
    law: Law,
    category: Category,
    payers: Sequence[Payer],
    dependants: int,
    payments: Sequence[Payment],
    cash_book: Decimal = ZERO,
    paid_otherwise: Decimal = ZERO,
) -> dict[Field, Decimal]:
    """The totals that the items lead to. Each payment for education is for one person, as the cap is."""
    income = sum((payer.income for payer in payers), ZERO)
    withheld = sum((payer.withheld for payer in payers), ZERO)
    stated = {Field.TAXABLE_INCOME: income}
    if category == "completa":
        stated |= {
            Field.OFFICIAL_PENSION: sum((payer.official_pension for payer in payers), ZERO),
            Field.PRIVATE_PENSION: min(
                _paid(payments, (PRIVATE_PENSION_CODE,), income), law.private_pension_cap(income)
            ),
            Field.DEPENDANTS_DEDUCTION: law.dependant * dependants + ZERO,
            Field.EDUCATION: _paid(payments, (EDUCATION_CODE,), law.education_cap),
            Field.MEDICAL: _paid(payments, MEDICAL_CODES, income),
            Field.ALIMONY: _paid(payments, (ALIMONY_CODE,), income),
            Field.CASH_BOOK: cash_book,
        }
    else:
        stated[Field.SIMPLIFIED_DISCOUNT] = law.simplified_discount(income)
    stated |= {Field.TAX_WITHHELD: withheld, Field.TAX_PAID: withheld + paid_otherwise}
    return closed(stated, law)


def closed(stated: dict[Field, Decimal], law: Law) -> dict[Field, Decimal]:
    """The totals with those that follow from others worked out anew: deductions, base, tax due, balance."""
    completa = Field.SIMPLIFIED_DISCOUNT not in stated
    deducted = sum((stated[name] for name in DEDUCTIONS), ZERO) if completa else stated[Field.SIMPLIFIED_DISCOUNT]
    base = max(stated[Field.TAXABLE_INCOME] - deducted, ZERO)
    total = {Field.TOTAL_DEDUCTIONS: deducted} if completa else {}
    return balanced({**stated, **total, Field.TAX_BASE: base, Field.TAX_DUE: law.tax_due(base)})


def balanced(stated: dict[Field, Decimal]) -> dict[Field, Decimal]:
    """The totals with the balance of the tax due and the tax paid: to pay, to be refunded, or neither."""
    balance = stated[Field.TAX_DUE] - stated[Field.TAX_PAID]
    return {**stated, Field.TAX_TO_PAY: max(balance, ZERO), Field.TAX_REFUND: max(-balance, ZERO)}


def _totals(
    rng: Random, law: Law, category: Category, payers: Sequence[Payer], dependants: int, payments: Sequence[Payment]
) -> dict[Field, Decimal]:
    income = sum((payer.income for payer in payers), ZERO)
    cash_book = _amount(rng, 0, income // 20) if rng.random() < 0.08 else ZERO
    plain = totals(law, category, payers, dependants, payments, cash_book)
    # Who owes more than was withheld may have paid a part during the year.
    paid_otherwise = cents(plain[Field.TAX_TO_PAY] / 2) if rng.random() < 0.2 else ZERO
    return totals(law, category, payers, dependants, payments, cash_book, paid_otherwise)


def _income(rng: Random, least: int) -> Decimal:
    bands = [(max(low, least), high, weight) for low, high, weight in _INCOMES if high > least]
    low, high, _ = rng.choices(bands, weights=[weight for *_, weight in bands])[0]
    return _amount(rng, low, high)


def _payers(rng: Random, law: Law, income: Decimal) -> tuple[Payer, ...]:
    count = rng.choice((1, 1, 1, 2, 3))
    shares = [Decimal(rng.randint(20, 100)) for _ in range(count)]
    parts = [cents(income * share / sum(shares)) for share in shares]
    return tuple(_payer(rng, law, part) for part in parts)


def _payer(rng: Random, law: Law, income: Decimal) -> Payer:
    pension = cents(min(income * Decimal("0.11"), Decimal(rng.randint(6_000, 9_000))))
    # What a payer withholds month by month comes near the year's tax and never meets it.
    withheld = cents(law.tax(income - pension) * rng.randint(70, 112) / 100)
    return Payer(
        name=people.company(rng),
        cnpj=people.cnpj_number(rng),
        income=income,
        official_pension=pension,
        withheld=withheld,
        thirteenth_salary=cents(income / 13),
    )


def _payments(rng: Random, income: Decimal, persons: int) -> tuple[Payment, ...]:
    """At most one payment for education a person, so that the cap of each is that of the payment."""
    codes = [EDUCATION_CODE] * sum(rng.random() < 0.3 for _ in range(persons))
    codes += rng.sample(MEDICAL_CODES, rng.choice((0, 1, 1, 2, 3)))
    codes += [PRIVATE_PENSION_CODE] * (rng.random() < 0.3) + [ALIMONY_CODE] * (rng.random() < 0.1)
    return tuple(_payment(rng, code, income) for code in codes)


def _payment(rng: Random, code: str, income: Decimal) -> Payment:
    share = {EDUCATION_CODE: 12, PRIVATE_PENSION_CODE: 16, ALIMONY_CODE: 15}.get(code, 6)
    amount = _amount(rng, 200, max(income * share // 100, Decimal(400)))
    not_deductible = cents(amount / 4) if code in MEDICAL_CODES and rng.random() < 0.25 else ZERO
    return Payment(code, people.payee(rng, code), people.payee_number(rng, code), amount, not_deductible)


def _paid(payments: Sequence[Payment], codes: Sequence[str], most: Decimal) -> Decimal:
    return sum((min(p.amount - p.not_deductible, most) for p in payments if p.code in codes), ZERO)


def _amount(rng: Random, low: int | Decimal, high: int | Decimal) -> Decimal:
    return Decimal(rng.randint(int(low) * 100, int(high) * 100)) / 100 + ZERO
