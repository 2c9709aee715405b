"""A return as XML, in the form that its calendar year is exchanged in.

| calendar years | form | values stand in |
|---|---|---|
| 2015 to 2018 | `declaracao-v1.xsd`, this project's own | elements |
| 2019 | `programa.xsd`, what the official program keeps, with its masks and with decoys | attributes |
| 2020 to 2025 | `declaracao-v2.xsd`, this project's own | attributes, amounts with a decimal point |

The text of a perfect reader is written here by the rule that `normalised_documents/xml.py` states, not by its code.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from stdnum.br import cnpj, cpf

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden.declaration import Declaration
from evals.golden.rendered import ReferenceText, Rendered

YEARS = frozenset(range(2015, 2026))
"""The calendar years that have a form."""

_BLANK_CPF = "   .   .   -  "


@dataclass(frozen=True, slots=True)
class _Value:
    """Printed characters, and the fields that they state; `ordinal` counts those of a repeated field from 1."""

    text: str
    fields: tuple[Field, ...] = ()
    ordinal: int = 1


@dataclass(frozen=True, slots=True)
class _Element:
    """An element: its attributes, then either its text or its children. `counts` is stated by the children."""

    name: str
    attributes: tuple[tuple[str, _Value], ...] = ()
    text: _Value | None = None
    children: tuple["_Element", ...] = ()
    counts: Field | None = None


def render(declaration: Declaration) -> Rendered:
    """The file in UTF-8, its text, and the spans. Raises ValueError for a year without a form."""
    year = declaration.calendar_year
    if year not in YEARS:
        raise ValueError(f"no XML form is known of the calendar year {year}")
    if year <= 2018:
        return _rendered(_elements(declaration), "urn:compliance-assets:irpf:declaracao:1", line_end="\n")
    if year == 2019:
        return _rendered(_program_data(declaration), "http://www.receita.fazenda.gov.br/declaracao", line_end="")
    return _rendered(_attributes(declaration), "urn:compliance-assets:irpf:declaracao:2", line_end="\n")


# --- the forms ---


def _elements(declaration: Declaration) -> _Element:
    def amount(name: str, field: Field) -> _Element:
        return _leaf(name, _stated(declaration, field, _brl))

    completa = declaration.category == "completa"
    return _Element(
        "declaracaoAjusteAnual",
        children=(
            _leaf("anoCalendario", _Value(str(declaration.calendar_year), (Field.CALENDAR_YEAR,))),
            _leaf("exercicio", _Value(str(declaration.filing_year), (Field.FILING_YEAR,))),
            _leaf("modelo", _Value(declaration.category, (Field.FILER_CATEGORY,))),
            _leaf("natureza", _Value(declaration.return_type, (Field.RETURN_TYPE,))),
            *(_leaf("reciboRetificado", value) for value in _receipt(declaration)),
            _Element(
                "declarante",
                children=(
                    _leaf("cpf", _Value(_masked_cpf(declaration.taxpayer.cpf), (Field.TAXPAYER_ID,))),
                    _leaf("nome", _Value(declaration.taxpayer.name, (Field.NAME,))),
                    _leaf("nascimento", _Value(f"{declaration.taxpayer.born:%d/%m/%Y}")),
                    _leaf("ocupacao", _Value(declaration.occupation)),
                    _leaf("municipio", _Value(declaration.city)),
                    _leaf("uf", _Value(declaration.state)),
                ),
            ),
            _Element(
                "dependentes",
                children=(
                    _leaf("quantidade", _Value(str(len(declaration.dependants)), (Field.DEPENDANTS,))),
                    *(
                        _Element(
                            "dependente",
                            children=(
                                _leaf("cpf", _Value(_masked_cpf(d.person.cpf), (Field.DEPENDANT_ID,), number)),
                                _leaf("nome", _Value(d.person.name)),
                                _leaf("relacao", _Value(d.relation)),
                                _leaf("nascimento", _Value(f"{d.person.born:%d/%m/%Y}")),
                            ),
                        )
                        for number, d in enumerate(declaration.dependants, start=1)
                    ),
                ),
            ),
            _Element(
                "fontesPagadoras",
                children=tuple(
                    _Element(
                        "fontePagadora",
                        children=(
                            _leaf("cnpj", _Value(_masked_id(payer.cnpj), (Field.PAYER_ID,), number)),
                            _leaf("nome", _Value(payer.name)),
                            _leaf("rendimentos", _Value(_brl(payer.income))),
                            _leaf("contribuicaoPrevidenciaria", _Value(_brl(payer.official_pension))),
                            _leaf("impostoRetido", _Value(_brl(payer.withheld))),
                            _leaf("decimoTerceiro", _Value(_brl(payer.thirteenth_salary))),
                        ),
                    )
                    for number, payer in enumerate(declaration.payers, start=1)
                ),
            ),
            _Element(
                "pagamentos",
                children=tuple(
                    _Element(
                        "pagamento",
                        children=(
                            _leaf("codigo", _Value(payment.code)),
                            _leaf("beneficiario", _Value(payment.payee)),
                            _leaf("documento", _Value(_masked_id(payment.payee_id))),
                            _leaf("valor", _Value(_brl(payment.amount))),
                            _leaf("parcelaNaoDedutivel", _Value(_brl(payment.not_deductible))),
                        ),
                    )
                    for payment in declaration.payments
                ),
            ),
            _full_summary(amount) if completa else _short_summary(amount),
        ),
    )


def _short_summary(amount: Callable[[str, Field], _Element]) -> _Element:
    return _Element(
        "resumoSimplificado",
        children=(
            amount("rendimentosTributaveis", Field.TAXABLE_INCOME),
            amount("descontoSimplificado", Field.SIMPLIFIED_DISCOUNT),
            amount("baseCalculo", Field.TAX_BASE),
            amount("impostoDevido", Field.TAX_DUE),
            amount("impostoRetido", Field.TAX_WITHHELD),
            amount("totalPago", Field.TAX_PAID),
            amount("saldoPagar", Field.TAX_TO_PAY),
            amount("valorRestituir", Field.TAX_REFUND),
        ),
    )


def _full_summary(amount: Callable[[str, Field], _Element]) -> _Element:
    return _Element(
        "resumoCompleto",
        children=(
            _Element("rendimentos", children=(amount("total", Field.TAXABLE_INCOME),)),
            _Element(
                "deducoes",
                children=(
                    amount("previdenciaOficial", Field.OFFICIAL_PENSION),
                    amount("previdenciaComplementar", Field.PRIVATE_PENSION),
                    amount("dependentes", Field.DEPENDANTS_DEDUCTION),
                    amount("instrucao", Field.EDUCATION),
                    amount("despesasMedicas", Field.MEDICAL),
                    amount("pensaoAlimenticia", Field.ALIMONY),
                    amount("livroCaixa", Field.CASH_BOOK),
                    amount("total", Field.TOTAL_DEDUCTIONS),
                ),
            ),
            _Element(
                "imposto",
                children=(
                    amount("baseCalculo", Field.TAX_BASE),
                    amount("devido", Field.TAX_DUE),
                    amount("retidoFonte", Field.TAX_WITHHELD),
                    amount("totalPago", Field.TAX_PAID),
                    amount("saldoPagar", Field.TAX_TO_PAY),
                    amount("restituir", Field.TAX_REFUND),
                ),
            ),
        ),
    )


def _attributes(declaration: Declaration) -> _Element:
    def amounts(names: Mapping[str, Field]) -> tuple[tuple[str, _Value], ...]:
        return tuple((name, _stated(declaration, field, _decimal)) for name, field in names.items())

    return _Element(
        "irpf",
        children=(
            _Element(
                "cabecalho",
                (
                    ("anoCalendario", _Value(str(declaration.calendar_year), (Field.CALENDAR_YEAR,))),
                    ("exercicio", _Value(str(declaration.filing_year), (Field.FILING_YEAR,))),
                    ("tipo", _Value(declaration.return_type, (Field.RETURN_TYPE,))),
                    *(("reciboAnterior", value) for value in _receipt(declaration)),
                ),
            ),
            _Element(
                "contribuinte",
                (
                    ("ni", _Value(declaration.taxpayer.cpf, (Field.TAXPAYER_ID,))),
                    ("nascimento", _Value(declaration.taxpayer.born.isoformat())),
                    ("ocupacao", _Value(declaration.occupation)),
                    ("municipio", _Value(declaration.city)),
                    ("uf", _Value(declaration.state)),
                ),
                children=(_leaf("nomeCompleto", _Value(declaration.taxpayer.name, (Field.NAME,))),),
            ),
            _Element(
                "grupoFamiliar",
                (("totalDependentes", _Value(str(len(declaration.dependants)), (Field.DEPENDANTS,))),),
                children=tuple(
                    _Element(
                        "dependente",
                        (
                            ("ni", _Value(d.person.cpf, (Field.DEPENDANT_ID,), number)),
                            ("relacao", _Value(d.relation)),
                            ("nascimento", _Value(d.person.born.isoformat())),
                        ),
                        children=(_leaf("nome", _Value(d.person.name)),),
                    )
                    for number, d in enumerate(declaration.dependants, start=1)
                ),
            ),
            _Element(
                "rendimentos",
                children=tuple(
                    _Element(
                        "pessoaJuridica",
                        (
                            ("ni", _Value(payer.cnpj, (Field.PAYER_ID,), number)),
                            ("nome", _Value(payer.name)),
                            ("valor", _Value(_decimal(payer.income))),
                            ("inss", _Value(_decimal(payer.official_pension))),
                            ("retido", _Value(_decimal(payer.withheld))),
                            ("decimoTerceiro", _Value(_decimal(payer.thirteenth_salary))),
                        ),
                    )
                    for number, payer in enumerate(declaration.payers, start=1)
                ),
            ),
            _Element(
                "pagamentos",
                children=tuple(
                    _Element(
                        "pagamento",
                        (
                            ("codigo", _Value(payment.code)),
                            ("ni", _Value(payment.payee_id)),
                            ("nome", _Value(payment.payee)),
                            ("valor", _Value(_decimal(payment.amount))),
                            ("naoDedutivel", _Value(_decimal(payment.not_deductible))),
                        ),
                    )
                    for payment in declaration.payments
                ),
            ),
            _Element(
                "apuracao",
                (("regime", _Value(declaration.category, (Field.FILER_CATEGORY,))),),
                children=(
                    _Element("deducoesLegais", amounts(_LEGAL_DEDUCTIONS))
                    if declaration.category == "completa"
                    else _Element("descontoPadrao", amounts(_STANDARD_DISCOUNT)),
                    _Element("imposto", amounts(_TAX)),
                    _Element(
                        "resultado",
                        children=(
                            _leaf("aPagar", _stated(declaration, Field.TAX_TO_PAY, _decimal)),
                            _leaf("aRestituir", _stated(declaration, Field.TAX_REFUND, _decimal)),
                        ),
                    ),
                ),
            ),
        ),
    )


_LEGAL_DEDUCTIONS = {
    "rendimentoTributavel": Field.TAXABLE_INCOME,
    "inss": Field.OFFICIAL_PENSION,
    "previdenciaPrivada": Field.PRIVATE_PENSION,
    "dependentes": Field.DEPENDANTS_DEDUCTION,
    "educacao": Field.EDUCATION,
    "saude": Field.MEDICAL,
    "alimentos": Field.ALIMONY,
    "livroCaixa": Field.CASH_BOOK,
    "soma": Field.TOTAL_DEDUCTIONS,
}
_STANDARD_DISCOUNT = {"rendimentoTributavel": Field.TAXABLE_INCOME, "valor": Field.SIMPLIFIED_DISCOUNT}
_TAX = {"base": Field.TAX_BASE, "devido": Field.TAX_DUE, "retido": Field.TAX_WITHHELD, "pago": Field.TAX_PAID}


def _program_data(declaration: Declaration) -> _Element:
    """What the official program keeps. It computes both categories: the numbers of the other one are decoys."""
    completa = declaration.category == "completa"
    income = declaration.stated[Field.TAXABLE_INCOME]
    deductions = {
        "dependentes": Field.DEPENDANTS_DEDUCTION,
        "despesasInstrucao": Field.EDUCATION,
        "despesasMedicas": Field.MEDICAL,
        "livroCaixa": Field.CASH_BOOK,
        "pensaoAlimenticia": Field.ALIMONY,
        "previdenciaFAPI": Field.PRIVATE_PENSION,
        "previdenciaOficial": Field.OFFICIAL_PENSION,
        "totalDeducoes": Field.TOTAL_DEDUCTIONS,
    }
    return _Element(
        "classe",
        (
            ("classeJava", _Value("serpro.ppgd.irpf.DeclaracaoIRPF")),
            ("dataHoraSalvamento", _Value(f"07/04/{declaration.filing_year} 22:34:49")),
        ),
        children=(
            _Element(
                "contribuinte",
                (
                    ("cpfProcurador", _Value(_BLANK_CPF)),
                    ("dataNascimento", _Value(f"{declaration.taxpayer.born:%d/%m/%Y}")),
                    ("uf", _Value(declaration.state)),
                ),
            ),
            _Element(
                "dependentes",
                (("tipoItens", _Value("serpro.ppgd.irpf.dependentes.Dependente")),),
                children=tuple(
                    _Element(
                        "item",
                        (
                            ("codigo", _Value(d.relation)),
                            ("cpfDependente", _Value(_masked_cpf(d.person.cpf), (Field.DEPENDANT_ID,), number)),
                            ("dataNascimento", _Value(f"{d.person.born:%d/%m/%Y}")),
                            ("nome", _Value(d.person.name)),
                        ),
                    )
                    for number, d in enumerate(declaration.dependants, start=1)
                ),
                counts=Field.DEPENDANTS,
            ),
            _Element(
                "rendPJ",
                children=(
                    _Element(
                        "colecaoRendPJTitular",
                        (("totaisRendRecebidoPJ", _Value(_brl(income))),),
                        children=tuple(
                            _Element(
                                "item",
                                (
                                    ("NIFontePagadora", _Value(_masked_id(payer.cnpj), (Field.PAYER_ID,), number)),
                                    ("contribuicaoPrevOficial", _Value(_brl(payer.official_pension))),
                                    ("decimoTerceiro", _Value(_brl(payer.thirteenth_salary))),
                                    ("impostoRetidoFonte", _Value(_brl(payer.withheld))),
                                    ("nomeFontePagadora", _Value(payer.name)),
                                    ("rendRecebidoPJ", _Value(_brl(payer.income))),
                                ),
                            )
                            for number, payer in enumerate(declaration.payers, start=1)
                        ),
                    ),
                ),
            ),
            _Element(
                "pagamentos",
                children=tuple(
                    _Element(
                        "item",
                        (
                            ("codigo", _Value(payment.code)),
                            ("cpfDependente", _Value(_BLANK_CPF)),
                            ("niBeneficiario", _Value(_masked_id(payment.payee_id))),
                            ("nomeBeneficiario", _Value(payment.payee)),
                            ("parcelaNaoDedutivel", _Value(_brl(payment.not_deductible))),
                            ("valorPago", _Value(_brl(payment.amount))),
                        ),
                    )
                    for payment in declaration.payments
                ),
            ),
            _Element(
                "resumo",
                children=(
                    _Element(
                        "calculoImposto",
                        (
                            ("baseCalculo", _stated(declaration, Field.TAX_BASE, _brl)),
                            ("descontoSimplificado", _stated(declaration, Field.SIMPLIFIED_DISCOUNT, _brl)),
                            ("imposto", _Value(_brl(declaration.stated[Field.TAX_DUE] / 2))),
                            ("impostoDevido", _stated(declaration, Field.TAX_DUE, _brl)),
                            ("impostoRestituir", _stated(declaration, Field.TAX_REFUND, _brl)),
                            ("impostoRetidoFonteTitular", _stated(declaration, Field.TAX_WITHHELD, _brl)),
                            ("saldoImpostoPagar", _stated(declaration, Field.TAX_TO_PAY, _brl)),
                            ("totalImpostoPago", _stated(declaration, Field.TAX_PAID, _brl)),
                            (
                                "totalResultadosTributaveis",
                                _Value(_brl(income), () if completa else (Field.TAXABLE_INCOME,)),
                            ),
                        ),
                    ),
                    _Element(
                        "rendimentosTributaveisDeducoes",
                        (
                            *((name, _stated(declaration, field, _brl)) for name, field in deductions.items()),
                            ("totalRendimentos", _Value(_brl(income), (Field.TAXABLE_INCOME,) if completa else ())),
                        ),
                    ),
                    _Element(
                        "identificadorDeclaracao",
                        (
                            ("cpf", _Value(_masked_cpf(declaration.taxpayer.cpf), (Field.TAXPAYER_ID,))),
                            (
                                "declaracaoRetificadora",
                                _Value("1" if declaration.return_type == "retificadora" else "0", (Field.RETURN_TYPE,)),
                            ),
                            (
                                "exercicio",
                                _Value(str(declaration.filing_year), (Field.FILING_YEAR, Field.CALENDAR_YEAR)),
                            ),
                            ("nome", _Value(declaration.taxpayer.name, (Field.NAME,))),
                            *(("numReciboDecRetif", value) for value in _receipt(declaration)),
                            ("tipoDeclaracao", _Value("0" if completa else "1", (Field.FILER_CATEGORY,))),
                        ),
                    ),
                ),
            ),
        ),
    )


def _leaf(name: str, value: _Value) -> _Element:
    return _Element(name, text=value)


def _receipt(declaration: Declaration) -> Iterable[_Value]:
    if declaration.corrected_receipt is not None:
        yield _Value(declaration.corrected_receipt, (Field.CORRECTED_RECEIPT,))


def _stated(declaration: Declaration, field: Field, printed: Callable[[Decimal], str]) -> _Value:
    """The amount of a field; where the return does not state it, nothing, and no field."""
    amount = declaration.stated.get(field)
    return _Value(printed(Decimal(0))) if amount is None else _Value(printed(amount), (field,))


def _brl(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def _decimal(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _masked_cpf(digits: str) -> str:
    return str(cpf.format(digits))


def _masked_id(digits: str) -> str:
    return str(cpf.format(digits) if len(digits) == 11 else cnpj.format(digits))


# --- the file and its text ---


def _rendered(root: _Element, namespace: str, line_end: str) -> Rendered:
    declaration = f'<?xml version="1.0" encoding="UTF-8"?>{line_end}'
    xml = declaration + _markup(root, f' xmlns="{namespace}"', line_end, depth=0)
    reference = ReferenceText()
    _write_document(reference, root)
    return reference.rendered(xml.encode(), ".xml")


def _markup(element: _Element, namespace: str, line_end: str, depth: int) -> str:
    indent = "  " * depth if line_end else ""
    attributes = "".join(f" {name}={quoteattr(value.text)}" for name, value in element.attributes)
    opening = f"{indent}<{element.name}{namespace}{attributes}"
    if element.text is not None:
        return f"{opening}>{escape(element.text.text)}</{element.name}>{line_end}"
    if not element.children:
        return f"{opening}/>{line_end}"
    inside = "".join(_markup(child, "", line_end, depth + 1) for child in element.children)
    return f"{opening}>{line_end}{inside}{indent}</{element.name}>{line_end}"


def _write_document(reference: ReferenceText, root: _Element) -> None:
    reference.write(f"# {root.name}\n")
    _write_attributes(reference, root, "")
    for child in root.children:
        if child.text is not None:
            _write_value(reference, child.name, child.text)
        elif _has_values(child):
            reference.write(f"\n## {child.name}\n")
            _write_below(reference, child, "")


def _write_below(reference: ReferenceText, element: _Element, label: str) -> None:
    _write_attributes(reference, element, label)
    many = Counter(child.name for child in element.children)
    seen: Counter[str] = Counter()
    start = len(reference.text)
    for child in element.children:
        seen[child.name] += 1
        name = f"{child.name} {seen[child.name]}" if many[child.name] > 1 else child.name
        below = f"{label} / {name}" if label else name
        if child.text is not None:
            _write_value(reference, below, child.text)
        _write_below(reference, child, below)
    if element.counts and element.children:
        reference.spans[str(element.counts)] = (start, len(reference.text) - 1)


def _write_attributes(reference: ReferenceText, element: _Element, label: str) -> None:
    for name, value in element.attributes:
        _write_value(reference, f"{label} / {name}" if label else name, value)


def _write_value(reference: ReferenceText, label: str, value: _Value) -> None:
    printed = " ".join(value.text.split())
    if not printed:
        return
    reference.write(f"{label}: ")
    start = len(reference.text)
    for field in value.fields[:1]:
        reference.write_field(field, printed, value.ordinal)
    for field in value.fields[1:]:
        reference.spans[str(field)] = (start, start + len(printed))
    if not value.fields:
        reference.write(printed)
    reference.write("\n")


def _has_values(element: _Element) -> bool:
    return bool(element.attributes or element.text) or any(map(_has_values, element.children))
