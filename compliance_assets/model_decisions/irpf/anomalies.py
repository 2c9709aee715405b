"""What is wrong with a return, by what it states and by the law that stands in the prompt. Pure.

Each kind is reported once. A rule whose amounts were not read, or that no passage states, finds nothing. A return of this
kind that is wrong in one way is often wrong in a second that follows from it; the second is not reported.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from compliance_assets.model_decisions.irpf.law import Law, Rule, ceiling, to_the_cent
from compliance_assets.model_decisions.irpf.stated import Return, Stated, is_hidden, same_person
from compliance_assets.normalised_documents.filings.fields import DEDUCTIONS, Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.values import is_valid_taxpayer_id, money

ARITHMETIC = "arithmetic_does_not_close"
ABOVE_CAP = "deduction_above_cap"
WRONG_TABLE = "wrong_year_table"
TWICE = "dependant_claimed_twice"
NO_PAYER = "withholding_without_employer"
CHECK_DIGIT = "impossible_check_digit"
REFUND = "refund_exceeds_withheld"
NO_RECEIPT = "retificadora_without_receipt"


@dataclass(frozen=True, slots=True)
class Found:
    """An anomaly: what is wrong in a sentence without numbers, why with them, what shows it and which article says so.

    `empty` is the list that has no rows where it should have.
    """

    kind: str
    sentence: str
    why: str
    shown_by: tuple[Stated, ...]
    rule: Rule | None = None
    empty: Field | None = None


@dataclass(frozen=True)
class _Case:
    """A return before the law."""

    stated: Return
    law: Law

    @cached_property
    def amounts(self) -> dict[Field, Decimal]:
        """Every amount that was read."""
        return {one.field: money(one.value) for one in self.stated.fields if kind_of(one.field) is Kind.AMOUNT}

    def has(self, *names: Field) -> bool:
        """Whether all these amounts were read."""
        return all(name in self.amounts for name in names)

    def of(self, *names: Field) -> tuple[Stated, ...]:
        """The statements of these fields."""
        return tuple(one for name in names if (one := self.stated.one(name)) is not None)

    def value(self, name: Field) -> str | None:
        """A field's value."""
        one = self.stated.one(name)
        return one.value if one else None


def anomalies_of(stated: Return, law: Law) -> tuple[Found, ...]:
    """What is wrong, the first finding of each kind."""
    case = _Case(stated, law)
    found: dict[str, Found] = {}
    for check in _CHECKS:
        for one in check(case):
            found.setdefault(one.kind, one)
    if REFUND in found and ARITHMETIC in found and found[ARITHMETIC].sentence == _BALANCE:
        del found[ARITHMETIC]  # a refund above what was paid is no balance either
    return tuple(found.values())


def _check_digits(case: _Case) -> Iterator[Found]:
    for name in (Field.TAXPAYER_ID, Field.PAYER_ID, Field.DEPENDANT_ID):
        wrong = [one for one in case.stated.all(name) if not (is_hidden(one.value) or is_valid_taxpayer_id(one.value))]
        if wrong:
            why = f"Os dígitos verificadores não conferem em {len(wrong)} número(s): nenhum CPF ou CNPJ é assim."
            yield Found(CHECK_DIGIT, "CPF ou CNPJ com dígito que não confere.", why, tuple(wrong))


def _dependant_twice(case: _Case) -> Iterator[Found]:
    persons = (*case.of(Field.TAXPAYER_ID), *case.stated.all(Field.DEPENDANT_ID))
    for number, one in enumerate(persons):
        again = [other for other in persons[number + 1 :] if same_person(one.value, other.value)]
        if again:
            why = f"O mesmo CPF está {1 + len(again)} vezes na declaração."
            yield Found(TWICE, "A mesma pessoa não pode ser dependente duas vezes.", why, (one, *again), Rule.ONCE)
            return


def _nobody_withheld(case: _Case) -> Iterator[Found]:
    nobody = Field.PAYER_ID in case.stated.lists and not case.stated.all(Field.PAYER_ID)
    if nobody and Field.PAYER_ID not in case.stated.unread and case.amounts.get(Field.TAX_WITHHELD, 0) > 0:
        why = f"Há {_brl(case.amounts[Field.TAX_WITHHELD])} de imposto retido e nenhuma fonte pagadora informada."
        shown = case.of(Field.TAX_WITHHELD)
        yield Found(NO_PAYER, "Imposto retido na fonte sem fonte pagadora.", why, shown, Rule.PAYER, Field.PAYER_ID)


def _no_receipt(case: _Case) -> Iterator[Found]:
    lacks = Field.CORRECTED_RECEIPT not in case.stated.unread and case.value(Field.CORRECTED_RECEIPT) is None
    if lacks and case.value(Field.RETURN_TYPE) == "retificadora":
        why = "A retificadora não traz o número do recibo da declaração que corrige."
        yield Found(NO_RECEIPT, "Declaração retificadora sem o recibo.", why, case.of(Field.RETURN_TYPE), Rule.RECEIPT)


def _above_cap(case: _Case) -> Iterator[Found]:
    for name, cap, rule in _caps(case):
        if case.amounts[name] > ceiling(cap):
            why = f"São {_brl(case.amounts[name])}, o limite é {_brl(cap)}."
            yield Found(ABOVE_CAP, _ABOVE[name], why, case.of(name, Field.TAXABLE_INCOME, Field.DEPENDANTS), rule)


def _caps(case: _Case) -> Iterator[tuple[Field, Decimal, Rule]]:
    """The deductions that were read and have a limit: which, how much, and by what rule."""
    income, numbers = case.amounts.get(Field.TAXABLE_INCOME), case.law.numbers
    if income is not None and case.has(Field.SIMPLIFIED_DISCOUNT) and case.law.knows(Rule.SIMPLIFIED):
        percent, most = numbers[Rule.SIMPLIFIED]
        yield Field.SIMPLIFIED_DISCOUNT, min(income * percent / 100, most), Rule.SIMPLIFIED
    if income is not None and case.has(Field.PRIVATE_PENSION) and case.law.knows(Rule.PRIVATE_PENSION):
        yield Field.PRIVATE_PENSION, income * numbers[Rule.PRIVATE_PENSION][0] / 100, Rule.PRIVATE_PENSION
    count = case.value(Field.DEPENDANTS)
    if count is not None and case.has(Field.EDUCATION) and case.law.knows(Rule.EDUCATION):
        yield Field.EDUCATION, numbers[Rule.EDUCATION][0] * (1 + int(count)), Rule.EDUCATION
    if count is not None and case.has(Field.DEPENDANTS_DEDUCTION) and case.law.knows(Rule.DEPENDANT):
        yield Field.DEPENDANTS_DEDUCTION, numbers[Rule.DEPENDANT][0] * int(count), Rule.DEPENDANT


def _other_table(case: _Case) -> Iterator[Found]:
    if not case.has(Field.TAX_BASE, Field.TAX_DUE):
        return
    due = case.law.tax(case.amounts[Field.TAX_BASE])
    if due is not None and not to_the_cent(due, case.amounts[Field.TAX_DUE]):
        why = f"Pela tabela o imposto devido sobre a base é {_brl(due)}, a declaração traz {_brl(case.amounts[Field.TAX_DUE])}."
        shown = case.of(Field.TAX_BASE, Field.TAX_DUE)
        yield Found(WRONG_TABLE, "O imposto devido não é o da tabela.", why, shown, Rule.TABLE)


def _base(case: _Case) -> Iterator[Found]:
    parts = [name for name in DEDUCTIONS if case.has(name)]
    if len(parts) == len(DEDUCTIONS) and case.has(Field.TOTAL_DEDUCTIONS):
        total, stated = sum(case.amounts[name] for name in parts), case.amounts[Field.TOTAL_DEDUCTIONS]
        if total != stated:
            why = f"As deduções somam {_brl(Decimal(total))}, a declaração traz {_brl(stated)}."
            yield Found(ARITHMETIC, "As deduções legais não somam.", why, case.of(Field.TOTAL_DEDUCTIONS, *parts))
    taken = _taken_off(case)
    if taken and case.has(Field.TAX_BASE, Field.TAXABLE_INCOME):
        base = max(case.amounts[Field.TAXABLE_INCOME] - sum(case.amounts[name] for name in taken), Decimal(0))
        if base != case.amounts[Field.TAX_BASE]:
            why = f"Os rendimentos menos as deduções dão {_brl(base)}, a base declarada é {_brl(case.amounts[Field.TAX_BASE])}."
            shown = case.of(Field.TAX_BASE, Field.TAXABLE_INCOME, *taken)
            yield Found(ARITHMETIC, "A base de cálculo não confere.", why, shown, Rule.BASE)


def _taken_off(case: _Case) -> tuple[Field, ...]:
    if case.value(Field.FILER_CATEGORY) == "simplificada":
        return (Field.SIMPLIFIED_DISCOUNT,) if case.has(Field.SIMPLIFIED_DISCOUNT) else ()
    if case.has(Field.TOTAL_DEDUCTIONS):
        return (Field.TOTAL_DEDUCTIONS,)
    return DEDUCTIONS if case.has(*DEDUCTIONS) else ()


def _refund(case: _Case) -> Iterator[Found]:
    paid = Field.TAX_PAID if case.has(Field.TAX_PAID) else Field.TAX_WITHHELD
    if case.has(Field.TAX_REFUND, paid) and case.amounts[Field.TAX_REFUND] > case.amounts[paid]:
        why = f"A restituir {_brl(case.amounts[Field.TAX_REFUND])}, pagos {_brl(case.amounts[paid])}."
        yield Found(
            REFUND, "O imposto a restituir é mais do que foi pago.", why, case.of(Field.TAX_REFUND, paid), Rule.REFUND
        )


def _balance(case: _Case) -> Iterator[Found]:
    """Where only what was withheld is stated, more may have been paid, which lowers the balance and never raises it."""
    paid = Field.TAX_PAID if case.has(Field.TAX_PAID) else Field.TAX_WITHHELD
    if case.has(Field.TAX_PAID, Field.TAX_WITHHELD) and case.amounts[Field.TAX_PAID] < case.amounts[Field.TAX_WITHHELD]:
        why = f"O total pago {_brl(case.amounts[Field.TAX_PAID])} é menor que o retido {_brl(case.amounts[Field.TAX_WITHHELD])}."
        yield Found(
            ARITHMETIC, "O imposto pago é menos que o retido.", why, case.of(Field.TAX_PAID, Field.TAX_WITHHELD)
        )
    if not case.has(Field.TAX_DUE, paid) or not (case.has(Field.TAX_TO_PAY) or case.has(Field.TAX_REFUND)):
        return
    zero = Decimal(0)
    if not case.has(Field.TAX_TO_PAY, Field.TAX_REFUND) and not any(
        map(case.amounts.get, (Field.TAX_TO_PAY, Field.TAX_REFUND))
    ):
        return  # one was not read, and the other says nothing about it
    balance = case.amounts.get(Field.TAX_TO_PAY, zero) - case.amounts.get(Field.TAX_REFUND, zero)
    left = case.amounts[Field.TAX_DUE] - case.amounts[paid]
    closes = balance == left if paid is Field.TAX_PAID else balance <= left
    if not closes:
        why = f"O imposto devido menos o pago dá {_brl(left)}, o saldo declarado é {_brl(balance)}."
        shown = case.of(Field.TAX_TO_PAY, Field.TAX_REFUND, Field.TAX_DUE, paid)
        yield Found(ARITHMETIC, _BALANCE, why, shown, Rule.REFUND)


def _brl(amount: Decimal) -> str:
    return f"R$ {amount:,.2f}".translate(str.maketrans(",.", ".,"))


_BALANCE = "O saldo a pagar ou a restituir não confere."
_ABOVE = {
    Field.SIMPLIFIED_DISCOUNT: "O desconto simplificado é mais do que permite deduzir.",
    Field.PRIVATE_PENSION: "A previdência complementar é mais do que são deduzidas.",
    Field.EDUCATION: "A instrução é mais do que são deduzidas por pessoa.",
    Field.DEPENDANTS_DEDUCTION: "As deduções de dependente são mais do que cada dependente permite deduzir.",
}
_CHECKS: tuple[Callable[[_Case], Iterator[Found]], ...] = (
    _check_digits,
    _dependant_twice,
    _nobody_withheld,
    _no_receipt,
    _above_cap,
    _other_table,
    _base,
    _refund,
    _balance,
)
