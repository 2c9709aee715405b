"""An invented income-tax return: who, what was earned and deducted, and the totals that the return states.

The stated totals are kept apart from the items that they should follow from, since an anomaly is a total that does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from compliance_assets.normalised_documents.filings.fields import Field

Category = Literal["completa", "simplificada"]
ReturnType = Literal["original", "retificadora"]


class Anomaly(StrEnum):
    """What can be wrong with a return; each is injected on purpose and named in the truth."""

    ARITHMETIC = "arithmetic_does_not_close"
    DEDUCTION_ABOVE_CAP = "deduction_above_cap"
    WRONG_YEAR_TABLE = "wrong_year_table"
    DEPENDANT_TWICE = "dependant_claimed_twice"
    WITHHOLDING_WITHOUT_EMPLOYER = "withholding_without_employer"
    IMPOSSIBLE_CHECK_DIGIT = "impossible_check_digit"
    REFUND_ABOVE_WITHHELD = "refund_exceeds_withheld"
    RETIFICADORA_WITHOUT_RECEIPT = "retificadora_without_receipt"


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person. `name` is in capitals without diacritics, as the tax registry keeps it; `cpf` is 11 digits."""

    name: str
    cpf: str
    born: date


@dataclass(frozen=True, slots=True)
class Dependant:
    """A dependant with the official relation code (11 spouse, 21 child up to 21, 22 student, 31 parent ...)."""

    person: Person
    relation: str


@dataclass(frozen=True, slots=True)
class Payer:
    """Who paid the income: `cnpj` is 14 digits, amounts in BRL for the year."""

    name: str
    cnpj: str
    income: Decimal
    official_pension: Decimal
    withheld: Decimal
    thirteenth_salary: Decimal


@dataclass(frozen=True, slots=True)
class Payment:
    """A deductible payment with its official code (01 education, 10 doctor, 26 health plan, 36 private pension ...)."""

    code: str
    payee: str
    payee_id: str
    amount: Decimal
    not_deductible: Decimal


@dataclass(frozen=True, slots=True)
class Declaration:
    """One return. `stated` has the amounts of the summary by field, those of its category alone.

    `corrected_receipt` is the 10-digit receipt number that a retificadora corrects; None in an original, and in a
    retificadora whose anomaly is that it lacks it.
    """

    calendar_year: int
    category: Category
    return_type: ReturnType
    corrected_receipt: str | None
    taxpayer: Person
    occupation: str
    city: str
    state: str
    payers: tuple[Payer, ...]
    dependants: tuple[Dependant, ...]
    payments: tuple[Payment, ...]
    stated: Mapping[Field, Decimal]
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def filing_year(self) -> int:
        """Exercício: the year after the income."""
        return self.calendar_year + 1

    def values(self) -> dict[str, str]:
        """Every field's canonical value by key, whether or not a format prints it."""
        single: dict[str, str] = {
            Field.TAXPAYER_ID: self.taxpayer.cpf,
            Field.NAME: self.taxpayer.name,
            Field.CALENDAR_YEAR: str(self.calendar_year),
            Field.FILING_YEAR: str(self.filing_year),
            Field.FILER_CATEGORY: self.category,
            Field.RETURN_TYPE: self.return_type,
            Field.DEPENDANTS: str(len(self.dependants)),
        }
        if self.corrected_receipt is not None:
            single[Field.CORRECTED_RECEIPT] = self.corrected_receipt
        amounts: dict[str, str] = {name: f"{amount:.2f}" for name, amount in self.stated.items()}
        repeated = {
            **{f"{Field.DEPENDANT_ID}[{i}]": d.person.cpf for i, d in enumerate(self.dependants, 1)},
            **{f"{Field.PAYER_ID}[{i}]": payer.cnpj for i, payer in enumerate(self.payers, 1)},
        }
        return {str(name): value for name, value in {**single, **amounts, **repeated}.items()}
