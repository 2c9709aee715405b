import pytest

from compliance_assets.model_decisions import stated_values
from compliance_assets.model_decisions.stated_values import Quoted, states
from compliance_assets.normalised_documents import fixed_width, xml
from compliance_assets.normalised_documents.filings.fields import LocatedField
from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows, render_row


def stated(name: str, value: str, quote: str, *, before: str = "", after: str = "", year: int = 2016) -> bool:
    text = before + quote + after
    return states(name, value, Quoted(text, len(before), len(before) + len(quote), lambda: "", (year,)))


@pytest.mark.parametrize(
    ("name", "value", "quote"),
    [
        ("taxable_income", "246007.47", "TOTAL DOS RENDIMENTOS ...... 246.007,47"),
        ("taxable_income", "246.007,47", "TOTAL DOS RENDIMENTOS ...... 246.007,47"),
        ("taxable_income", "246007.47", "o total foi de R$ 246.007,47."),
        ("taxable_income", "246007.47", "TOTAL 246.007, 47"),  # as OCR spaces it
        ("taxpayer_id", "42022729196", "CPF: 420.227.291-96"),
        ("payer_id[2]", "22316164000165", "CNPJ 22.316.164/0001-65"),
        ("name", "INES DOS CANDIDO ASSIS", "NOME INES DOS\nCANDIDO ASSIS"),
        ("calendar_year", "2015", "EXERCÍCIO 2016 ANO-CALENDÁRIO 2015"),
        ("filing_year", "2016", "2015/2016"),
        ("filer_category", "completa", "OPÇÃO PELAS DEDUÇÕES LEGAIS"),
        ("filer_category", "simplificada", "Modelo da declaração: simplificada"),
        ("return_type", "original", "DECLARAÇÃO RETIFICADORA? ...... NÃO"),
        ("return_type", "original", "Declaração retificadora: não"),
        ("return_type", "retificadora", "É declaração retificadora: sim"),
        ("return_type", "retificadora", "natureza: retificadora"),
        ("dependants", "1", "Número de dependentes: 1"),
        ("dependants", "2", "21 A 01/01/2000 899.481.351-99\n21 B 01/01/2002 114.289.472-05"),
        ("dependants", "0", "DEPENDENTES\nSEM INFORMAÇÕES"),
        ("return_type", "retificadora", "identificadorDeclaracao / declaracaoRetificadora: 1"),
        ("filer_category", "completa", "identificadorDeclaracao / tipoDeclaracao: 0"),
        ("calendar_year", "2016", "identificadorDeclaracao / exercicio: 2017"),
        ("fund_name", "Harbour  Fund", "of the Harbour Fund"),
        ("fee", "1,452.4", "a fee of $ 1,452.4"),
    ],
)
def test_a_value_is_stated_as_it_stands_or_in_its_canonical_form(name: str, value: str, quote: str) -> None:
    assert stated(name, value, quote)


@pytest.mark.parametrize(
    ("name", "value", "quote"),
    [
        ("taxable_income", "46007.47", "TOTAL 246.007,47"),
        ("taxable_income", "246007.48", "TOTAL 246.007,47"),
        ("taxable_income", "12.00", "AJUSTE -12,00"),
        ("taxable_income", "47.39", "246.007,47 39.267,92"),
        ("taxpayer_id", "42022729197", "CPF: 420.227.291-96"),
        ("taxpayer_id", "-42022729196", "CPF: 420.227.291-96"),
        ("name", "INES CANDIDO ASSIS", "NOME INES DOS CANDIDO ASSIS"),
        ("name", "ines dos candido assis", "NOME INES DOS CANDIDO ASSIS"),
        ("calendar_year", "2014", "ANO-CALENDÁRIO 2015"),
        ("filer_category", "simplificada", "OPÇÃO PELAS DEDUÇÕES LEGAIS"),
        ("filer_category", "completa", "completa ou simplificada"),
        ("return_type", "retificadora", "DECLARAÇÃO RETIFICADORA? ...... NÃO"),
        ("return_type", "retificadora", "Declaração retificadora: não"),
        ("dependants", "0", "Número de dependentes: 3"),
        ("dependants", "0", "o total dos dependentes"),
        ("dependants", "5", "T95313031236600001400001000000000000001000010000100005"),
        ("return_type", "original", "identificadorDeclaracao / declaracaoRetificadora: 1"),
        ("fund_name", "Fund", "of the Harbour Funds"),
        ("fee", "452.4", "a fee of $ 1,452.4"),
        ("fee", "1452.4", "a fee of $ 1,452.4"),
        ("fee", "", "a fee of $ 1,452.4"),
        ("fee", " ", "a fee of $ 1,452.4"),
    ],
)
def test_what_the_quote_does_not_say_is_not_stated(name: str, value: str, quote: str) -> None:
    assert not stated(name, value, quote)


def test_what_stands_before_or_behind_the_quote_is_not_in_it() -> None:
    assert not stated("taxable_income", "10.00", "TOTAL", after=" 10,00")
    assert not stated("taxable_income", "7.47", "7,47", before="24")
    assert not stated("loss", "12.6", "12.6", before="a result of -")


@pytest.fixture(scope="module")
def record_file() -> tuple[str, dict[str, LocatedField]]:
    row = next(row for row in read_rows(FROZEN["golden"]) if row["format"] == "fixed_width" and row["year"] == 2016)
    parsed = fixed_width.parse(render_row(row).data)
    assert isinstance(parsed, Parsed)
    assert parsed.filing is not None
    return parsed.text, {located.key: located for located in parsed.filing.fields}


def test_in_a_record_a_value_stands_at_its_position_and_at_no_other(
    record_file: tuple[str, dict[str, LocatedField]],
) -> None:
    text, fields = record_file

    def at(start: int, end: int, name: str, value: str) -> bool:
        chunk = text[start - 5 : end + 5] if start >= 5 else text[:end]  # a chunk that begins inside the record
        offset = min(start, 5)
        return states(name, value, Quoted(chunk, offset, offset + end - start, lambda: text[:start], (2016,)))

    for name, located in fields.items():
        assert at(located.start, located.end, name, located.value), name
    income, pension = fields["taxable_income"], fields["official_pension"]
    assert not at(income.start, income.end, "official_pension", income.value)
    assert not at(pension.start, pension.end, "official_pension", pension.value + "1")
    assert not at(income.start + 1, income.end, "taxable_income", income.value)


def test_the_codes_are_those_that_the_readers_know() -> None:
    readers = {"fixed_width": fixed_width._CODES, "xml": xml._CODES}

    assert {
        (name, kind): codes for name, known in readers.items() for kind, codes in known.items()
    } == stated_values._CODES
