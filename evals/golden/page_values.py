"""What a printed return can say of a declaration, by the keys that the texts of `layouts.py` hold."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.law import cents, law_of
from evals.golden import printed
from evals.golden.declaration import Declaration
from evals.golden.draw import balanced, totals
from evals.golden.layouts import Layout, Source

_KEY = re.compile(r"\{([^}]+)\}")
_YEAR_BEFORE = Decimal("0.92")
_BLANK = "-"


@dataclass(frozen=True, slots=True)
class Piece:
    """Printed characters; those of a field say of which one, and the which-eth value they are."""

    text: str
    field: Field | None = None
    ordinal: int = 1


Values = Mapping[str, Piece]


def filled(template: str, values: Values) -> tuple[Piece, ...]:
    """The pieces of a text with its keys filled in."""
    parts = _KEY.split(template)
    return tuple(values[part] if i % 2 else Piece(part) for i, part in enumerate(parts) if part)


def values_of(declaration: Declaration, layout: Layout) -> dict[str, Piece]:
    """What is stated once: the fields as the layout writes them, and what stands beside them."""
    of_fields = {
        Field.NAME: declaration.taxpayer.name,
        Field.TAXPAYER_ID: printed.taxpayer_id(declaration.taxpayer.cpf),
        Field.CALENDAR_YEAR: str(declaration.calendar_year),
        Field.FILING_YEAR: str(declaration.filing_year),
        Field.FILER_CATEGORY: layout.category(declaration.category),
        Field.RETURN_TYPE: layout.return_type(declaration.return_type),
        Field.DEPENDANTS: str(len(declaration.dependants)),
        **{name: printed.amount(amount) for name, amount in declaration.stated.items()},
    }
    if declaration.corrected_receipt is not None:
        of_fields[Field.CORRECTED_RECEIPT] = printed.receipt(declaration.corrected_receipt)
    fields = {str(name): Piece(text, name) for name, text in of_fields.items()}
    return {str(Field.CORRECTED_RECEIPT): Piece(_BLANK)} | fields | _beside(declaration)


def rows_of(declaration: Declaration, source: Source) -> list[dict[str, Piece]]:
    """The rows of a table, in the order of the return."""
    return {"dependants": _dependants, "payers": _payers, "payments": _payments}[source](declaration)


def _beside(declaration: Declaration) -> dict[str, Piece]:
    """What is no field of the return: persons' details, the year before, and the two categories compared."""
    texts = {
        "born": printed.day(declaration.taxpayer.born),
        "occupation": declaration.occupation,
        "city": declaration.city,
        "state": declaration.state,
        "previous_year": str(declaration.calendar_year - 1),
    }
    for name, value in declaration.stated.items():
        texts[f"previous:{name}"] = printed.amount(cents(value * _YEAR_BEFORE))
    for option, category in (("legal", "completa"), ("simplified", "simplificada")):
        chosen = category == declaration.category
        amounts = declaration.stated if chosen else _of_the_other_category(declaration)
        texts |= {f"{option}:{name}": printed.amount(value) for name, value in amounts.items()}
    return {key: Piece(text) for key, text in texts.items()}


def _of_the_other_category(declaration: Declaration) -> Mapping[Field, Decimal]:
    law = law_of(declaration.calendar_year)
    amounts = totals(
        law,
        "simplificada" if declaration.category == "completa" else "completa",
        declaration.payers,
        len(declaration.dependants),
        declaration.payments,
    )
    return balanced({**amounts, Field.TAX_PAID: declaration.stated[Field.TAX_PAID]})


def _dependants(declaration: Declaration) -> list[dict[str, Piece]]:
    return [
        {
            "relation": Piece(dependant.relation),
            "dependant_name": Piece(dependant.person.name),
            "dependant_born": Piece(printed.day(dependant.person.born)),
            "dependant_id": Piece(printed.taxpayer_id(dependant.person.cpf), Field.DEPENDANT_ID, ordinal),
        }
        for ordinal, dependant in enumerate(declaration.dependants, start=1)
    ]


def _payers(declaration: Declaration) -> list[dict[str, Piece]]:
    return [
        {
            "payer_name": Piece(payer.name),
            "payer_id": Piece(printed.taxpayer_id(payer.cnpj), Field.PAYER_ID, ordinal),
            "payer_income": Piece(printed.amount(payer.income)),
            "payer_pension": Piece(printed.amount(payer.official_pension)),
            "payer_withheld": Piece(printed.amount(payer.withheld)),
            "payer_thirteenth": Piece(printed.amount(payer.thirteenth_salary)),
        }
        for ordinal, payer in enumerate(declaration.payers, start=1)
    ]


def _payments(declaration: Declaration) -> list[dict[str, Piece]]:
    return [
        {
            "payment_code": Piece(payment.code),
            "payee": Piece(payment.payee),
            "payee_id": Piece(printed.taxpayer_id(payment.payee_id)),
            "payment_amount": Piece(printed.amount(payment.amount)),
            "not_deductible": Piece(printed.amount(payment.not_deductible)),
        }
        for payment in declaration.payments
    ]
