"""A return as the Receita's own fixed-width file, as the official program would send it: .DEC with its receipt.

Positions come from the layout of the exercício; the checks that the file makes of itself are explained in
`normalised_documents/fixed_width.py`. What a declaration does not have (assets, debts, bank account) is left out or blank.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.record_layout import (
    CONTROL,
    TAXPAYER,
    Position,
    Record,
    filing_years,
    record_layout,
)
from evals.golden.declaration import Declaration, Dependant, Payer, Payment
from evals.golden.rendered import Rendered

YEARS = frozenset(year - 1 for year in filing_years())
"""The calendar years whose layout is known."""

_SUFFIX = ".DEC"
_RECORDS_OF_NUMBERS = frozenset({"17", "18", "19", "20", "T9"})
_ANNUAL_ADJUSTMENT = "A"

# The official name of each field: in the header, in the totals of either category, in the records that are repeated.
_HEADER = {
    Field.TAXPAYER_ID: TAXPAYER,
    Field.NAME: "NM_NOME",
    Field.CALENDAR_YEAR: "ANO_BASE",
    Field.FILING_YEAR: "EXERCICIO",
    Field.FILER_CATEGORY: "IN_COMPLETA",
    Field.RETURN_TYPE: "IN_RETIFICADORA",
    Field.CORRECTED_RECEIPT: "NR_RECIBO_ULTIMA_DEC_EX_ATUAL",
}
_SIMPLIFICADA = {
    Field.TAXABLE_INCOME: "VR_RENDTRIB",
    Field.SIMPLIFIED_DISCOUNT: "VR_DESCSIMP",
    Field.TAX_BASE: "VR_BASECALC",
    Field.TAX_DUE: "VR_TOT_IMPOSTO_DEVIDO",
    Field.TAX_WITHHELD: "VR_IMPOSTO",
    Field.TAX_TO_PAY: "VR_IMPPAGAR",
    Field.TAX_REFUND: "VR_IMPRESTIT",
}
_COMPLETA = {
    Field.TAXABLE_INCOME: "VR_TOTTRIB",
    Field.OFFICIAL_PENSION: "VR_PREVOF_FUNPRESP_LIMITE",
    Field.PRIVATE_PENSION: "VR_TOTPRIVADA_FAPI_FUNPRESP",
    Field.DEPENDANTS_DEDUCTION: "VR_DEPEN",
    Field.EDUCATION: "VR_DESPINST",
    Field.MEDICAL: "VR_DESPMEDIC",
    Field.ALIMONY: "VR_PENSAO",
    Field.CASH_BOOK: "VR_LIVCAIX",
    Field.TOTAL_DEDUCTIONS: "VR_DEDUC",
    Field.TAX_BASE: "VR_BASECALC",
    Field.TAX_DUE: "VR_IMPDEV3",
    Field.TAX_WITHHELD: "VR_IMPFONTE",
    Field.TAX_PAID: "VR_TOTIMPPAGO",
    Field.TAX_TO_PAY: "VR_IMPPAGAR",
    Field.TAX_REFUND: "VR_IMPREST",
}

Values = Mapping[str, str]


def render(declaration: Declaration) -> Rendered:
    """The file, its text with LF line ends, and the spans. Raises ValueError for a year without a layout."""
    if declaration.calendar_year not in YEARS:
        raise ValueError(f"no fixed-width layout is known of the calendar year {declaration.calendar_year}")
    layout = record_layout(declaration.filing_year)

    def line(name: str, values: Values) -> str:
        return _line(layout[name], {"NR_REG": name, TAXPAYER: declaration.taxpayer.cpf, **values})

    body = [line(name, values) for name, values in _body(declaration)]
    body.append(line("T9", _trailer(layout["T9"], body)))
    receipt = [line(name, values) for name, values in _receipt(declaration)]
    receipt.append(line("R9", {"NR_HASH": _crc(*body, *receipt)}))
    lines = [_header(declaration, layout["IR"], body), *body, *receipt]
    data = "".join(line + "\r\n" for line in lines).encode("latin-1")
    text = "".join(line + "\n" for line in lines)
    return Rendered(data, _SUFFIX, text, (len(text),), _spans(declaration, lines, layout))


# --- the records ---


def _header(declaration: Declaration, record: Record, body: list[str]) -> str:
    values = {
        "SISTEMA": "IRPF",
        "EXERCICIO": str(declaration.filing_year),
        "ANO_BASE": str(declaration.calendar_year),
        "CODIGO_RECNET": f"{declaration.filing_year % 100 + 10}00",
        "IN_RETIFICADORA": "1" if declaration.return_type == "retificadora" else "0",
        TAXPAYER: declaration.taxpayer.cpf,
        "TIPO_NI": "1",
        "NR_VERSAO": "100",
        "NM_NOME": declaration.taxpayer.name,
        "SG_UF": declaration.state,
        "NR_HASH": _crc(*body),
        "DT_NASCIM": _day(declaration.taxpayer.born),
        "IN_COMPLETA": _category(declaration),
        "IN_RESULTADO_IMPOSTO": _outcome(declaration),
        "NR_RECIBO_ULTIMA_DEC_EX_ATUAL": declaration.corrected_receipt or "",
    }
    return _line(record, values, signed_with=declaration.taxpayer.cpf[:8] + _SUFFIX)


def _body(declaration: Declaration) -> Iterator[tuple[str, Values]]:
    """The records between the header and the trailer, in the official order."""
    yield (
        "16",
        {
            "NM_NOME": declaration.taxpayer.name,
            "NM_MUNICIP": declaration.city.upper(),
            "SG_UF": declaration.state,
            "DT_NASCIM": _day(declaration.taxpayer.born),
            "IN_COMPLETA": _category(declaration),
            "IN_RETIFICADORA": "S" if declaration.return_type == "retificadora" else "N",
            "IN_TIPODECLARACAO": _ANNUAL_ADJUSTMENT,
        },
    )
    yield from _totals(declaration)
    yield from (("21", _payer(payer)) for payer in declaration.payers)
    yield from (("25", _dependant(number, one)) for number, one in enumerate(declaration.dependants, start=1))
    yield from (("26", _payment(payment)) for payment in declaration.payments)


def _payer(payer: Payer) -> Values:
    return {
        "NR_PAGADOR": payer.cnpj,
        "NM_PAGADOR": payer.name,
        "VR_RENDTO": _cents(payer.income),
        "VR_CONTRIB": _cents(payer.official_pension),
        "VR_DECTERC": _cents(payer.thirteenth_salary),
        "VR_IMPOSTO": _cents(payer.withheld),
    }


def _dependant(number: int, dependant: Dependant) -> Values:
    return {
        "NR_CHAVE": str(number),
        "CD_DEPEND": dependant.relation,
        "NM_DEPEND": dependant.person.name,
        "DT_NASCIM": _day(dependant.person.born),
        "NI_DEPEND": dependant.person.cpf,
    }


def _payment(payment: Payment) -> Values:
    return {
        "CD_PAGTO": payment.code,
        "NR_BENEF": payment.payee_id,
        "NM_BENEF": payment.payee,
        "VR_PAGTO": _cents(payment.amount),
        "VR_REDUC": _cents(payment.not_deductible),
        "IN_TIPO_CPF_CNPJ": "1" if len(payment.payee_id) == 11 else "2",
    }


def _totals(declaration: Declaration) -> Iterator[tuple[str, Values]]:
    """Two records, one of either category: what its screen does not show, and what it shows."""
    thirteenth = _cents(sum((payer.thirteenth_salary for payer in declaration.payers), Decimal(0)))
    hidden, shown = _total_records(declaration)
    yield hidden, {"VR_TOTAL13": thirteenth, "VR_TOTAL13TITULAR": thirteenth}
    amounts = {
        official: _cents(declaration.stated[name])
        for name, official in _total_names(declaration).items()
        if name in declaration.stated
    }
    due = _cents(declaration.stated.get(Field.TAX_DUE, Decimal(0)))
    before_deductions = dict.fromkeys(
        ("VR_IMPDEVIDO",) if shown == "18" else ("VR_IMPOSTO", "VR_IMPDEV1", "VR_IMPDEV2"), due
    )
    income = {"VR_RENDJUR": amounts["VR_TOTTRIB"]} if "VR_TOTTRIB" in amounts else {}
    yield shown, before_deductions | income | amounts


def _trailer(record: Record, body: list[str]) -> Values:
    counts = {name: sum(line[:2] == name.removeprefix("QT_R") for line in body) for name in record.fields}
    values = {name: str(count) for name, count in counts.items() if name.startswith("QT_R")}
    return values | {"QT_TOTAL": str(len(body) + 1)}


def _receipt(declaration: Declaration) -> Iterator[tuple[str, Values]]:
    yield "HR", {}
    yield "DR", {"IN_COMPLETA": _category(declaration), "NM_NOME": declaration.taxpayer.name}


# --- the characters ---


def _line(record: Record, values: Values, signed_with: str = "") -> str:
    """A record with its control number; values of fields that its layout does not have are left out."""
    line = ["0" if record.name in _RECORDS_OF_NUMBERS else " "] * record.length
    for name, position in record.fields.items():
        line[position.start : position.end] = _fitted(values.get(name, ""), position)
    control = record.fields[CONTROL]
    line[control.start :] = _crc(signed_with, *line[: control.start])
    return "".join(line)


def _fitted(value: str, position: Position) -> str:
    cut = value[: position.width]
    return cut.rjust(position.width, "0") if position.numeric else cut.ljust(position.width)


def _crc(*texts: str) -> str:
    return f"{zlib.crc32(''.join(texts).encode('latin-1')):010d}"


def _cents(amount: Decimal) -> str:
    return str(int(amount * 100))


def _day(day: date) -> str:
    return f"{day:%d%m%Y}"


def _category(declaration: Declaration) -> str:
    return "S" if declaration.category == "completa" else "N"


def _outcome(declaration: Declaration) -> str:
    """0 nothing, 1 to pay, 2 to be refunded."""
    if declaration.stated.get(Field.TAX_TO_PAY, 0) > 0:
        return "1"
    return "2" if declaration.stated.get(Field.TAX_REFUND, 0) > 0 else "0"


# --- the truth ---


def _total_records(declaration: Declaration) -> tuple[str, str]:
    return ("19", "20") if declaration.category == "completa" else ("17", "18")


def _total_names(declaration: Declaration) -> Mapping[Field, str]:
    return _COMPLETA if declaration.category == "completa" else _SIMPLIFICADA


def _spans(declaration: Declaration, lines: list[str], layout: Mapping[str, Record]) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    seen: Counter[str] = Counter()
    start = 0
    for line in lines:
        record = "IR" if start == 0 else line[:2]
        seen[record] += 1
        for key, official in _fields_of(declaration, record, seen[record]).items():
            position = layout[record].fields[official]
            printed = line[position.start : position.end].rstrip()
            if printed:
                spans[key] = (start + position.start, start + position.start + len(printed))
        start += len(line) + 1
    return spans


def _fields_of(declaration: Declaration, record: str, ordinal: int) -> Mapping[str, str]:
    """The official names of the fields that a record states, by their keys in the truth."""
    if record == "IR":
        return {str(field): official for field, official in _HEADER.items()}
    if record == _total_records(declaration)[1]:
        return {
            str(field): official for field, official in _total_names(declaration).items() if field in declaration.stated
        }
    return {
        "21": {f"{Field.PAYER_ID}[{ordinal}]": "NR_PAGADOR"},
        "25": {f"{Field.DEPENDANT_ID}[{ordinal}]": "NI_DEPEND"},
        "T9": {str(Field.DEPENDANTS): "QT_R25"},
    }.get(record, {})
