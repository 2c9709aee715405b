"""A return that is right by the law of 2019, as fields; tests change one thing at a time."""

from compliance_assets.normalised_documents.filings.fields import Field, Filing, LocatedField

LAYOUT = "a-layout-of-no-map"

_COMMON = {
    Field.TAXPAYER_ID: "22222222303",
    Field.NAME: "OLZEFU BYAISNO ASRIM",
    Field.CALENDAR_YEAR: "2019",
    Field.FILING_YEAR: "2020",
    Field.RETURN_TYPE: "original",
}
SIMPLIFICADA = _COMMON | {
    Field.FILER_CATEGORY: "simplificada",
    Field.TAXABLE_INCOME: "110623.52",
    Field.SIMPLIFIED_DISCOUNT: "16754.34",
    Field.TAX_BASE: "93869.18",
    Field.TAX_DUE: "15381.70",
    Field.TAX_WITHHELD: "15421.65",
    Field.TAX_TO_PAY: "0.00",
    Field.TAX_REFUND: "39.95",
}
COMPLETA = _COMMON | {
    Field.FILER_CATEGORY: "completa",
    Field.TAXABLE_INCOME: "100000.00",
    Field.OFFICIAL_PENSION: "5000.00",
    Field.PRIVATE_PENSION: "2000.00",
    Field.DEPENDANTS: "2",
    Field.DEPENDANTS_DEDUCTION: "4550.16",
    Field.EDUCATION: "3561.50",
    Field.MEDICAL: "1888.34",
    Field.TOTAL_DEDUCTIONS: "17000.00",
    Field.TAX_BASE: "83000.00",
    Field.TAX_DUE: "12392.68",
    Field.TAX_WITHHELD: "10000.00",
    Field.TAX_PAID: "10000.00",
    Field.TAX_TO_PAY: "2392.68",
    Field.TAX_REFUND: "0.00",
}


def filing(stated: dict[Field, str], layout: str = LAYOUT, **repeated: tuple[str, ...]) -> Filing:
    """The fields one after the other; `dependant_id=("…", "…")` adds repeated ones."""
    fields = [LocatedField(name, value, 10 * i, 10 * i + 5) for i, (name, value) in enumerate(stated.items())]
    for name, values in repeated.items():
        fields += [LocatedField(Field(name), value, 900, 911, ordinal) for ordinal, value in enumerate(values, 1)]
    return Filing(layout, tuple(fields))
