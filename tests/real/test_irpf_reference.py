"""Returns that the official program wrote for invented people: what is read equals what the program computed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.normalised_documents import fixed_width, xml
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.parsed import Parsed

REFERENCE = Path(__file__).parents[2].parent / "shared/data/irpf_reference"
DECLARATIONS = REFERENCE / "synthetic_declarations"

pytestmark = pytest.mark.skipif(not DECLARATIONS.is_dir(), reason=f"the reference returns are not at {DECLARATIONS}")

FILES = {
    "DEC": "22222222303-IRPF-A-2020-2019-ORIGI.DEC",
    "DBK": "22222222303-IRPF-A-2020-2019-ORIGI.DBK",
    "XML": "22222222303-0000000000.xml",
}
# What the program computed for the category that was chosen: the deductions beside it are those of the other one.
TOTALS = {
    Field.TAXABLE_INCOME: "totalResultadosTributaveis",
    Field.SIMPLIFIED_DISCOUNT: "descontoSimplificado",
    Field.TAX_BASE: "baseCalculo",
    Field.TAX_DUE: "impostoDevido",
    Field.TAX_WITHHELD: "impostoRetidoFonteTitular",
    Field.TAX_PAID: "totalImpostoPago",
    Field.TAX_REFUND: "impostoRestituir",
}


def outcome_of(name: str) -> Parsed:
    data = (DECLARATIONS / name).read_bytes()
    outcome = (xml if name.endswith(".xml") else fixed_width).parse(data)
    assert isinstance(outcome, Parsed)
    return outcome


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads((DECLARATIONS / "22222222303.golden.json").read_text())


@pytest.mark.parametrize("kind", FILES)
def test_the_totals_are_those_that_the_program_computed(kind: str, golden: Any) -> None:
    filing = outcome_of(FILES[kind]).filing
    assert filing is not None
    read = {name: value for name in TOTALS if (value := filing.value(name))}
    expected = {name: amount(golden["calculoImposto"][theirs]) for name, theirs in TOTALS.items()}
    if kind != "XML":  # the records of a simplified return do not say what was paid in all
        del expected[Field.TAX_PAID]
    assert read == expected


@pytest.mark.parametrize("kind", FILES)
def test_who_and_what_it_is(kind: str, golden: Any) -> None:
    outcome = outcome_of(FILES[kind])
    assert outcome.needs_human == ()
    assert outcome.filing is not None
    value = outcome.filing.value
    assert value(Field.TAXPAYER_ID) == "22222222303"
    assert (value(Field.NAME) or "").upper() == "OLZEFU BYAISNO ASRIM"
    assert value(Field.FILING_YEAR) == golden["exercicio"]
    assert value(Field.CALENDAR_YEAR) == golden["ano_calendario"]
    assert value(Field.FILER_CATEGORY) == golden["modelo"]
    assert value(Field.RETURN_TYPE) == "original"
    assert value(Field.CORRECTED_RECEIPT) is None
    assert value(Field.DEPENDANTS) == str(len(golden["dependentes"]))
    assert outcome.filing.values(Field.DEPENDANT_ID) == tuple(
        digits(dependant["cpfDependente"]) for dependant in golden["dependentes"]
    )
    assert digits(golden["colecaoRendPJTitular"][0]["NIFontePagadora"]) in outcome.filing.values(Field.PAYER_ID)


@pytest.mark.parametrize("kind", FILES)
def test_a_simplified_return_does_not_state_the_deductions_that_the_program_keeps_for_comparison(kind: str) -> None:
    filing = outcome_of(FILES[kind]).filing
    assert filing is not None
    assert filing.value(Field.DEPENDANTS_DEDUCTION) is None
    assert filing.value(Field.TOTAL_DEDUCTIONS) is None


def test_all_three_files_say_the_same() -> None:
    fields = {kind: outcome_of(name).filing for kind, name in FILES.items()}
    dec, dbk, program = (fields[kind] for kind in ("DEC", "DBK", "XML"))
    assert dec is not None
    assert dbk is not None
    assert program is not None
    assert [(f.key, f.value) for f in dec.fields] == [(f.key, f.value) for f in dbk.fields]
    theirs = {f.key: f.value for f in program.fields} | {Field.NAME: (program.value(Field.NAME) or "").upper()}
    assert {f.key: f.value for f in dec.fields}.items() <= theirs.items()


def test_an_unfinished_return_is_read_and_says_what_it_does_not_state() -> None:
    """It was saved before its filer said whether it corrects another one: that indicator is blank."""
    outcome = outcome_of("11111111030-IRPF-A-2020-2019-ORIGI.DBK")
    assert outcome.needs_human == ("field_unreadable: return_type",)
    assert outcome.filing is not None
    assert outcome.filing.value(Field.FILER_CATEGORY) == "completa"
    assert outcome.filing.value(Field.DEPENDANTS) == "3"
    assert outcome.filing.value(Field.DEPENDANTS_DEDUCTION) == "6825.24"
    assert outcome.filing.value(Field.TOTAL_DEDUCTIONS) == "6988.18"
    assert outcome.filing.value(Field.TAX_TO_PAY) == outcome.filing.value(Field.TAX_DUE) == "339.50"


@pytest.mark.parametrize("path", sorted(REFERENCE.glob("**/*.x[ms][ld]")), ids=lambda path: path.name)
def test_every_xml_of_the_receita_is_readable_text(path: Path) -> None:
    outcome = xml.parse(path.read_bytes())
    assert isinstance(outcome, Parsed)
    assert outcome.needs_human == ()
    assert len(outcome.text.splitlines()) > 10


def amount(printed: str) -> str:
    return f"{Decimal(printed.replace('.', '').replace(',', '.')):.2f}"


def digits(printed: str) -> str:
    return "".join(filter(str.isdigit, printed))
