from dataclasses import replace

import pytest

from compliance_assets.normalised_documents.filings import on_page
from compliance_assets.normalised_documents.filings.fields import Field, Filing
from compliance_assets.normalised_documents.filings.locator_map import Place
from tests.normalised_documents.filings.printed import page

HEAD = (
    "DECLARACAO DE AJUSTE ANUAL",
    "EXERCICIO 2020 ANO-CALENDARIO 2019",
    "OPCAO PELO DESCONTO SIMPLIFICADO",
    "IDENTIFICACAO DO CONTRIBUINTE",
    "CPF: 222.222.223-03      NOME: ANA SOUZA",
)
BOXES = (
    "DEPENDENTES",
    "CODIGO   CPF               NASCIMENTO",
    "21       111.111.110-30    01/02/2010",
    "22       333.333.334-14    03/02/2001",
    "SEM OUTROS",
    "RESUMO",
    "TOTAL TRIBUTAVEL      IMPOSTO DEVIDO",
    "110.623,52            15.381,70",
    "04. IMPOSTO RETIDO NA FONTE ......... 15.421,65",
    "IMPOSTO RETIDO NA FONTE DO ANO ANTERIOR  1,00",
    "IMPOSTO A RESTITUIR                      R$ 39,95",
    "COMPARATIVO",
    "IMPOSTO A RESTITUIR                      11,11",
)


def place(name: Field, section: str, label: str, where: str) -> Place:
    return Place("boxes", 2019, 2020, "*", name, section, label, where)


PLACES = (
    place(Field.FILING_YEAR, "", "EXERCÍCIO", "heading"),
    place(Field.CALENDAR_YEAR, "", "ANO-CALENDÁRIO", "heading"),
    place(Field.FILER_CATEGORY, "", "OPÇÃO PELO", "heading"),
    place(Field.TAXPAYER_ID, "IDENTIFICAÇÃO DO CONTRIBUINTE", "CPF", "right"),
    place(Field.NAME, "IDENTIFICAÇÃO DO CONTRIBUINTE", "NOME", "right"),
    place(Field.DEPENDANT_ID, "DEPENDENTES", "CPF", "column"),
    place(Field.DEPENDANTS, "DEPENDENTES", "CPF", "rows"),
    place(Field.TAXABLE_INCOME, "RESUMO", "TOTAL TRIBUTÁVEL", "below"),
    place(Field.TAX_DUE, "RESUMO", "IMPOSTO DEVIDO", "below"),
    place(Field.TAX_WITHHELD, "RESUMO", "IMPOSTO RETIDO NA FONTE", "right"),
    place(Field.TAX_REFUND, "RESUMO", "IMPOSTO A RESTITUIR", "right"),
)


@pytest.fixture(autouse=True)
def one_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_page, "_layouts", lambda: (PLACES,))
    monkeypatch.setattr(on_page, "headings_of", lambda layout: frozenset({"COMPARATIVO"}))


def read(*rows: str, certainty: float = 1.0) -> tuple[str, Filing]:
    text, words = page(*rows, certainty=certainty)
    filing = on_page.read_filing(text, (len(text),), lambda: words)
    assert filing is not None
    return text, filing


def test_each_field_is_read_where_the_map_places_it() -> None:
    text, filing = read(*HEAD, *BOXES)

    assert {f.key: f.value for f in filing.fields} == {
        "filing_year": "2020",
        "calendar_year": "2019",
        "filer_category": "simplificada",
        "taxpayer_id": "22222222303",
        "name": "ANA SOUZA",
        "dependant_id[1]": "11111111030",
        "dependant_id[2]": "33333333414",
        "dependants": "2",
        "taxable_income": "110623.52",
        "tax_due": "15381.70",
        "tax_withheld": "15421.65",
        "tax_refund": "39.95",
    }
    assert {text[f.start : f.end] for f in filing.fields if f.field is Field.TAX_DUE} == {"15.381,70"}
    assert filing.doubts == ()


def test_a_longer_label_or_another_section_is_not_taken_for_the_one_asked() -> None:
    _, filing = read(*HEAD, *BOXES)

    assert filing.value(Field.TAX_WITHHELD) == "15421.65"  # not the year before's
    assert filing.value(Field.TAX_REFUND) == "39.95"  # not the comparison's


def test_two_places_that_disagree_leave_the_field_out_and_say_so() -> None:
    _, filing = read(*HEAD, *BOXES[:-2], "IMPOSTO A RESTITUIR                      40,00")

    assert filing.value(Field.TAX_REFUND) is None
    assert filing.doubts == ("ambiguous_field: tax_refund",)


def test_a_value_that_is_not_of_its_kind_is_not_taken_and_said_to_be_missing() -> None:
    rows = [row.replace("15.381,70", "15.3B1,70") for row in (*HEAD, *BOXES)]

    filing = read(*rows)[1]

    assert filing.value(Field.TAX_DUE) is None
    assert filing.doubts == ("missing_field: tax_due",)


def test_a_blank_box_is_not_filled_from_its_neighbour() -> None:
    rows = [row.replace("110.623,52", "          ") for row in (*HEAD, *BOXES)]

    filing = read(*rows)[1]

    assert filing.value(Field.TAXABLE_INCOME) is None
    assert filing.value(Field.TAX_DUE) == "15381.70"


def test_a_misread_label_is_known_in_a_scan_alone() -> None:
    rows = [row.replace("TOTAL TRIBUTAVEL", "TOTAL TRlBUTAVEL") for row in (*HEAD, *BOXES)]

    assert read(*rows)[1].value(Field.TAXABLE_INCOME) is None
    scanned = read(*rows, certainty=0.9)[1]
    assert scanned.value(Field.TAXABLE_INCOME) == "110623.52"
    assert {f.certainty for f in scanned.fields} == {0.9}


def test_a_year_that_the_layout_does_not_serve_is_said_and_nothing_else_read() -> None:
    rows = [row.replace("2020", "2010").replace("2019", "2009") for row in HEAD]

    _, filing = read(*rows, *BOXES)

    assert filing.doubts == ("layout_unknown: calendar year 2009",)
    assert filing.value(Field.TAX_DUE) is None


def test_no_dependants_are_counted_as_none() -> None:
    rows = [row for row in (*HEAD, *BOXES) if not row.startswith("2")]

    filing = read(*rows)[1]

    assert filing.value(Field.DEPENDANTS) == "0"
    assert filing.values(Field.DEPENDANT_ID) == ()


@pytest.mark.parametrize(
    "rows",
    [
        ("RELATORIO ANUAL", "CPF: 222.222.223-03"),
        ("A declaracao de ajuste anual deve ser entregue ate abril.", "Quem recebeu mais de 28.559,70 esta obrigado."),
    ],
)
def test_what_is_no_filing_is_not_read_as_one_and_its_words_are_not_asked_for(rows: tuple[str, ...]) -> None:
    text, _ = page(*rows)

    assert on_page.read_filing(text, (len(text),), lambda: pytest.fail("the words were asked for")) is None


def test_a_filing_whose_layout_nobody_knows_goes_to_a_person() -> None:
    text, words = page("DECLARACAO DE AJUSTE ANUAL", "CONTRIBUINTE 222.222.223-03")

    filing = on_page.read_filing(text, (len(text),), lambda: words)

    assert filing is not None
    assert filing.doubts[0].startswith("layout_unknown")


def test_the_layout_whose_places_state_most_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    other = tuple(replace(p, layout="other", label="OUTRO " + p.label) for p in PLACES)
    monkeypatch.setattr(on_page, "_layouts", lambda: (other, PLACES))

    assert read(*HEAD, *BOXES)[1].layout == "boxes"


def test_two_returns_in_one_document_are_never_mixed_in_silence() -> None:
    older = [row.replace("2020", "2019", 1).replace("CALENDARIO 2019", "CALENDARIO 2018") for row in HEAD]

    _, filing = read(*HEAD, *BOXES, *older)

    assert "several_filings: calendar years differ" in filing.doubts


def test_the_year_before_does_not_fill_an_empty_column_of_this_year() -> None:
    beside = [
        "IMPOSTO RETIDO NA FONTE                  15.421,65     14.000,00",
        "IMPOSTO A RESTITUIR                      39,95         30,00",
        "TOTAL                                    1,00          2,00",
    ]
    rows = [*HEAD, *BOXES[: BOXES.index("TOTAL TRIBUTAVEL      IMPOSTO DEVIDO")], *beside]

    assert read(*rows)[1].value(Field.TAX_REFUND) == "39.95"
    without = [row.replace("39,95", "     ") for row in rows]
    assert read(*without)[1].value(Field.TAX_REFUND) is None
    assert "missing_field: tax_refund" in read(*without)[1].doubts


def test_a_receipt_whose_label_runs_into_its_neighbour_is_missing_and_not_absent() -> None:
    receipt = place(Field.CORRECTED_RECEIPT, "IDENTIFICAÇÃO DO CONTRIBUINTE", "RECIBO RETIFICADO", "right")
    kind = place(Field.RETURN_TYPE, "IDENTIFICAÇÃO DO CONTRIBUINTE", "TIPO", "right")
    row = "TIPO: RETIFICADORA   RECIBO RETIFICADO: 1234567890"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_page, "_layouts", lambda: ((*PLACES, receipt, kind),))

        assert read(*HEAD, row, *BOXES)[1].value(Field.CORRECTED_RECEIPT) == "1234567890"
        run_together = read(
            *HEAD, row.replace("TIPO: RETIFICADORA   RECIBO", "TIPO: RETIFICADORA   NOME RECIBO"), *BOXES
        )[1]
        assert run_together.value(Field.CORRECTED_RECEIPT) is None
        assert "missing_field: corrected_receipt" in run_together.doubts


@pytest.mark.parametrize(
    ("printed", "meant"),
    [("110,623.52", "110623.52"), ("110. 623,52", "110623.52"), ("110623,5", None), ("11O.623,52", None)],
)
def test_in_a_scan_the_marks_of_a_number_may_be_misread_but_never_a_digit(printed: str, meant: str | None) -> None:
    rows = [row.replace("110.623,52 ", printed.ljust(11)) for row in (*HEAD, *BOXES)]

    assert read(*rows, certainty=0.9)[1].value(Field.TAXABLE_INCOME) == meant


def test_of_two_readings_of_a_name_the_one_that_lost_nothing_is_taken() -> None:
    again = place(Field.NAME, "RECIBO", "DECLARANTE", "right")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_page, "_layouts", lambda: ((*PLACES, again),))

        squeezed = [row.replace("ANA SOUZA", "ANASOUZA") for row in HEAD]
        assert (
            read(*squeezed, *BOXES, "RECIBO", "DECLARANTE: ANA SOUZA", certainty=0.9)[1].value(Field.NAME)
            == "ANA SOUZA"
        )
        other = read(*HEAD, *BOXES, "RECIBO", "DECLARANTE: ANA SOUSA", certainty=0.9)[1]
        assert (other.value(Field.NAME), "ambiguous_field: name" in other.doubts) == (None, True)


def test_a_row_of_a_table_that_cannot_be_read_is_not_left_out_in_silence() -> None:
    rows = [row.replace("333.333.334-14", "333.3B3.334-14") for row in (*HEAD, *BOXES)]

    filing = read(*rows)[1]

    assert filing.values(Field.DEPENDANT_ID) == ()
    assert "unreadable_row: dependant_id" in filing.doubts
