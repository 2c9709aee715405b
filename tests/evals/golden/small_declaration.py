"""A small invented return that tests change one thing of."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden.declaration import Category, Declaration, Dependant, Payer, Payment, Person

_COMPLETA = {
    Field.TAXABLE_INCOME: "110623.52",
    Field.OFFICIAL_PENSION: "3317.94",
    Field.PRIVATE_PENSION: "1200.00",
    Field.DEPENDANTS_DEDUCTION: "4550.16",
    Field.EDUCATION: "3561.50",
    Field.MEDICAL: "1234.00",
    Field.ALIMONY: "600.00",
    Field.CASH_BOOK: "0.00",
    Field.TOTAL_DEDUCTIONS: "14463.60",
    Field.TAX_BASE: "96159.92",
    Field.TAX_DUE: "16011.66",
    Field.TAX_WITHHELD: "15421.65",
    Field.TAX_PAID: "15421.65",
    Field.TAX_TO_PAY: "590.01",
    Field.TAX_REFUND: "0.00",
}
_SIMPLIFICADA = {
    Field.TAXABLE_INCOME: "110623.52",
    Field.SIMPLIFIED_DISCOUNT: "16754.34",
    Field.TAX_BASE: "93869.18",
    Field.TAX_DUE: "15381.70",
    Field.TAX_WITHHELD: "15421.65",
    Field.TAX_PAID: "15421.65",
    Field.TAX_TO_PAY: "0.00",
    Field.TAX_REFUND: "39.95",
}


def small_declaration(category: Category = "completa", calendar_year: int = 2019, **changes: Any) -> Declaration:
    """Two dependants, two payers, two payments; an original unless changed."""
    declaration = Declaration(
        calendar_year=calendar_year,
        category=category,
        return_type="original",
        corrected_receipt=None,
        taxpayer=Person("OLZEFU BYAISNO ASRIM", "22222222303", date(1983, 2, 1)),
        occupation="PROFESSOR",
        city="Vitória",
        state="ES",
        payers=(
            Payer(
                "AEGUR & FILHOS LTDA", "99111111000132", *map(Decimal, ("97623.52", "2931.67", "15421.65", "7509.46"))
            ),
            Payer("BUWIR KOIDIRN SA", "99222222000116", *map(Decimal, ("13000.00", "386.27", "0.00", "1000.00"))),
        ),
        dependants=(
            Dependant(Person("ANA FURIREZU", "33333333414", date(1991, 2, 3)), "11"),
            Dependant(Person("ARTUR SYONAY", "44444444425", date(2006, 5, 4)), "21"),
        ),
        payments=(
            Payment("01", "DAUMU TYUHA LTDA", "99555555000167", Decimal("4678.90"), Decimal("0.00")),
            Payment("10", "GALDYO COEHU", "55555555536", Decimal("1234.00"), Decimal("0.00")),
        ),
        stated={name: Decimal(v) for name, v in (_COMPLETA if category == "completa" else _SIMPLIFICADA).items()},
    )
    return replace(declaration, **changes)
