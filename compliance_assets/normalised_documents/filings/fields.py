"""What an income-tax filing (IRPF) states: its fields and where in the text each of them stands. Nothing is read here."""

from dataclasses import dataclass, field
from enum import StrEnum


class Field(StrEnum):
    """The fields that are read from a filing. Amounts are in BRL."""

    TAXPAYER_ID = "taxpayer_id"
    NAME = "name"
    CALENDAR_YEAR = "calendar_year"  # ano-calendário, the year of the income
    FILING_YEAR = "filing_year"  # exercício, the year after it
    FILER_CATEGORY = "filer_category"  # completa (legal deductions) or simplificada (simplified discount)
    RETURN_TYPE = "return_type"  # original or retificadora
    CORRECTED_RECEIPT = "corrected_receipt"  # of a retificadora: the receipt number of the return that it corrects
    TAXABLE_INCOME = "taxable_income"
    OFFICIAL_PENSION = "official_pension"  # contribuição à previdência oficial
    PRIVATE_PENSION = "private_pension"  # previdência complementar, FAPI
    DEPENDANTS = "dependants"  # how many
    DEPENDANTS_DEDUCTION = "dependants_deduction"
    EDUCATION = "education"  # what is deducted of it, after the cap
    MEDICAL = "medical"
    ALIMONY = "alimony"
    CASH_BOOK = "cash_book"  # livro-caixa
    TOTAL_DEDUCTIONS = "total_deductions"
    SIMPLIFIED_DISCOUNT = "simplified_discount"
    TAX_BASE = "tax_base"
    TAX_DUE = "tax_due"
    TAX_WITHHELD = "tax_withheld"
    TAX_PAID = "tax_paid"  # total imposto pago: withheld and whatever else was paid
    TAX_TO_PAY = "tax_to_pay"
    TAX_REFUND = "tax_refund"
    DEPENDANT_ID = "dependant_id"  # repeated
    PAYER_ID = "payer_id"  # repeated: CNPJ or CPF of who paid the income


class Kind(StrEnum):
    """How a value is written. The canonical forms stand in values.py."""

    CPF = "cpf"
    CPF_OR_CNPJ = "cpf_or_cnpj"
    TEXT = "text"
    YEAR = "year"
    CATEGORY = "category"
    RETURN_TYPE = "return_type"
    RECEIPT = "receipt"
    COUNT = "count"
    AMOUNT = "amount"


_KINDS = {
    Field.TAXPAYER_ID: Kind.CPF,
    Field.NAME: Kind.TEXT,
    Field.CALENDAR_YEAR: Kind.YEAR,
    Field.FILING_YEAR: Kind.YEAR,
    Field.FILER_CATEGORY: Kind.CATEGORY,
    Field.RETURN_TYPE: Kind.RETURN_TYPE,
    Field.CORRECTED_RECEIPT: Kind.RECEIPT,
    Field.DEPENDANTS: Kind.COUNT,
    Field.DEPENDANT_ID: Kind.CPF,
    Field.PAYER_ID: Kind.CPF_OR_CNPJ,
}

# What a completa takes off the taxable income.
DEDUCTIONS = (
    Field.OFFICIAL_PENSION,
    Field.PRIVATE_PENSION,
    Field.DEPENDANTS_DEDUCTION,
    Field.EDUCATION,
    Field.MEDICAL,
    Field.ALIMONY,
    Field.CASH_BOOK,
)
REPEATED = frozenset({Field.DEPENDANT_ID, Field.PAYER_ID})


def kind_of(name: Field) -> Kind:
    """How the values of a field are written."""
    return _KINDS.get(name, Kind.AMOUNT)


@dataclass(frozen=True, slots=True)
class LocatedField:
    """A value in canonical form and the span `[start, end)` of the text, in code points, that states it.

    `ordinal` counts the values of a repeated field from 1. `certainty` is the lowest that OCR gave to a word of the span,
    in 0..1, and 1 where the characters were not recognised but read.
    """

    field: Field
    value: str
    start: int
    end: int
    ordinal: int = 1
    certainty: float = 1.0

    @property
    def key(self) -> str:
        """The field's name in the envelope; a repeated field's with its ordinal."""
        return f"{self.field}[{self.ordinal}]" if self.field in REPEATED else str(self.field)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the stated values break, with the fields that it compares.

    `impossible` is what no return can state: a wrong check digit, years that do not follow each other. Else the values
    contradict each other, as those of a wrong return do.
    """

    rule: str
    fields: tuple[Field, ...]
    impossible: bool


@dataclass(frozen=True, slots=True)
class Filing:
    """What a document states as an income-tax filing. `layout` names the rows of the locator map that read it.

    `doubts` are reasons, each `code: detail` without a person's data, why a person has to look at the document.
    """

    layout: str
    fields: tuple[LocatedField, ...]
    doubts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    def value(self, name: Field) -> str | None:
        """The value of a field that is not repeated; None where it was not found."""
        return next((located.value for located in self.fields if located.field is name), None)

    def values(self, name: Field) -> tuple[str, ...]:
        """All values of a field, in the order of the document."""
        return tuple(located.value for located in self.fields if located.field is name)
