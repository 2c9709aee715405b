"""Mails as people write them, and what each of them states. None of the wordings was made for the locator map."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.filings.fields import Field, Filing
from compliance_assets.normalised_documents.filings.in_mail import read_filing
from compliance_assets.normalised_documents.filings.locator_map import locator_map

HEADERS = "From: Rita <rita@example.com>\nTo: mesa@example.com\nSubject: Minha declaração de imposto de renda\n\n"

LIST = """\
Prezados, segue a declaração de ajuste anual.

Nome: RITA NOEMI PAIVA
CPF: 222.222.223-03
Ano-calendário: 2022
Exercício: 2023
Declaração: original
Modelo: simplificada
Rendimentos tributáveis: R$ 80.000,00
Desconto simplificado: R$ 16.000,00
Base de cálculo: R$ 64.000,00
Imposto devido: R$ 7.167,68
Imposto retido na fonte: R$ 6.000,00
Imposto a pagar: R$ 1.167,68
"""
STATED = {
    "name": "RITA NOEMI PAIVA",
    "taxpayer_id": "22222222303",
    "calendar_year": "2022",
    "filing_year": "2023",
    "return_type": "original",
    "filer_category": "simplificada",
    "taxable_income": "80000.00",
    "simplified_discount": "16000.00",
    "tax_base": "64000.00",
    "tax_due": "7167.68",
    "tax_withheld": "6000.00",
    "tax_to_pay": "1167.68",
}

SAME_RETURN = {
    "capitals without accents": LIST.replace("ç", "c").replace("ã", "a").replace("á", "a").upper(),
    "bullets and bold": re.sub(r"(?m)^([^:\n]+): (.*)$", r"* *\1:* \2", LIST),
    "dots": re.sub(r"(?m)^([^:\n]+): (.*)$", r"\1 ........ \2", LIST),
    "a table of two returns' columns": re.sub(r"(?m)^([^:\n]+): (.*)$", r"| \1 | \2 |", LIST).replace("| |", "|"),
    "numbered": re.sub(r"(?m)^([^:\n]+): ", r"1. \1 - ", LIST),
    "no-break spaces and dashes": LIST.replace("R$ ", "R$\u00a0").replace("-", "\u2011").replace(": ", " \u2013 "),
    "values in the next line": re.sub(r"(?m)^(.*(?:imposto|base|rend|desconto).*): ", "\\1:\n", LIST, flags=re.I),
    "the amounts as people type them": re.sub(r"R\$ (\d+)\.?([\d.,]+)", r"R$\1\2", LIST).replace(
        ",00\n", ",00 reais\n"
    ),
    "labels of the form": (
        LIST.replace("Rendimentos tributáveis", "TOTAL DE RENDIMENTOS TRIBUTÁVEIS")
        .replace("Imposto a pagar", "SALDO DE IMPOSTO A PAGAR")
        .replace("Modelo: simplificada", "Tipo de tributação: por desconto simplificado")
        .replace("CPF:", "CPF do titular nº")
        .replace("CPF do titular nº", "CPF do titular nº:")
    ),
    "two fields a line": LIST.replace("\nCPF", "; CPF").replace("\nExercício", " | Exercício"),
    "sentences": """\
Boa tarde. Eu, RITA NOEMI PAIVA, CPF nº 222.222.223-03, informo os números da minha declaração de imposto de
renda do ano-calendário 2022, exercício 2023. É uma declaração original e optei pelo desconto simplificado.
Meus rendimentos tributáveis totalizaram R$ 80.000,00; o desconto simplificado foi de R$ 16.000,00, de modo que a
base de cálculo ficou em R$ 64.000,00. O imposto devido é R$ 7.167,68, o imposto retido na fonte somou R$ 6.000,00 e o
imposto a pagar é de R$ 1.167,68.
""",
    "sentences with remarks": """\
Meu nome é RITA NOEMI PAIVA e meu CPF é 22222222303. A declaração de ajuste anual que entreguei é original, do
ano-calendário de 2022 (exercício de 2023), no modelo de declaração simplificada. Os rendimentos tributáveis
(salários) foram de R$ 80.000,00. Com o desconto de 20% de R$ 16.000,00 a base de cálculo é de R$ 64.000,00,
e o imposto devido, calculado pela tabela, é de R$ 7.167,68. Já foi retido na fonte o valor de 6.000,00 reais. Resta
a pagar R$ 1.167,68.
""",
    "a dependant's number": LIST + "Dependente: OLGA PAIVA, CPF 333.333.334-14\n",
    "the accountant's number": LIST + "\nAtenciosamente,\nRui Prado, contador, CPF 444.444.445-25\n",
    "the same twice": LIST + "\nResumindo, o imposto devido foi de R$ 7.167,68 e o imposto a pagar, R$ 1.167,68.\n",
    "last year's below a marker": LIST
    + "\n-----Mensagem original-----\n"
    + LIST.replace("2022", "2021").replace("80", "70"),
    "last year's marked": LIST + "\nEm 3 de maio, Mesa escreveu:\n" + re.sub("(?m)^", "> ", LIST.replace("8", "9")),
    "last year's below Outlook's line": (
        LIST + "\n________________________________\nDe: Mesa\nEnviada em: ontem\n" + LIST.replace("80", "70")
    ),
    "below what it answers": "Em 3 de maio, Mesa escreveu:\n"
    + re.sub("(?m)^", "> ", LIST.replace("8", "9"))
    + "\n"
    + LIST,
}


def read(body: str) -> Filing:
    filing = read_filing(HEADERS + body)
    assert filing is not None
    return filing


def values(filing: Filing) -> dict[str, str]:
    return {located.key: located.value for located in filing.fields}


def test_a_list_states_each_field_where_it_stands() -> None:
    text = HEADERS + LIST
    filing = read_filing(text)
    assert filing is not None
    assert (filing.layout, filing.doubts) == ("mail-labelled", ())
    assert values(filing) == STATED
    printed = {located.field: text[located.start : located.end] for located in filing.fields}
    assert printed[Field.TAXPAYER_ID] == "222.222.223-03"
    assert printed[Field.TAX_TO_PAY] == "1.167,68"
    assert printed[Field.NAME] == "RITA NOEMI PAIVA"


@pytest.mark.parametrize("way", SAME_RETURN)
def test_the_same_return_is_read_however_it_is_written(way: str) -> None:
    filing = read(SAME_RETURN[way])
    assert filing.doubts == ()
    assert values(filing) == STATED


def test_sentences_are_of_the_prose_layout() -> None:
    assert read(SAME_RETURN["sentences"]).layout == "mail-prose"


WHOLE_RETURNS = {
    "without any punctuation": """\
Subject: Declaração IRPF 2022/2021 - OLGA MENDES

Dados da declaração

Nome OLGA MENDES
CPF 222.222.223-03
Ano calendário 2021
Modelo Simplificada
Natureza Original
Total de rendimentos tributáveis 70.000,00
Desconto simplificado 14.000,00
Base de cálculo do imposto 56.000,00
Imposto devido 4.967,68
Imposto retido na fonte 5.100,00
Imposto a restituir 132,32
""",
    "a statement": """\
Subject: declaração

Prezada equipe, declaro para os devidos fins que eu, CAIO DIAS FREITAS, inscrito no CPF sob o nº
222.222.223-03, apresentei a Declaração de
Ajuste Anual do exercício de 2024, ano-calendário 2023, na forma simplificada e do tipo original,
com rendimentos tributáveis de R$ 50.000,00,
desconto simplificado de R$ 10.000,00, base de cálculo de R$ 40.000,00, imposto devido de R$ 1.617,62, imposto retido na fonte
de R$ 1.000,00 e saldo de imposto a pagar de R$ 617,62.
""",
    "with letters for the lines": """\
Subject: RES: pendências

Segue o que faltava da DIRPF.
Titular: Elis Prado Neves
CPF/MF: 22222222303
Ano-calendário: 2019 | Exercício: 2020
Declaração retificadora nº do recibo original 1234567890
Opção: simplificada
Rendimentos Tributáveis (total): 45.000,00
(-) Desconto simplificado: 9.000,00
(=) Base de cálculo: 36.000,00
Imposto devido (A): 1.142,43
Imposto retido na fonte (B): 0,00
Saldo a pagar (A-B): 1.142,43
""",
}


@pytest.mark.parametrize("kind", WHOLE_RETURNS)
def test_a_whole_return_leaves_no_doubt(kind: str) -> None:
    filing = read_filing(WHOLE_RETURNS[kind])
    assert filing is not None
    assert filing.doubts == ()
    assert filing.value(Field.TAXPAYER_ID) == "22222222303"
    assert len(filing.fields) >= 11


def test_abbreviations_are_read_and_somebody_else_s_number_is_not() -> None:
    text = """\
Subject: IRPF

Olá,

Conforme combinado, aqui vão os números da declaração do imposto de renda da minha mãe, VERA LUIZA GOUVEIA (CPF 333.333.334-14).

- Ano-calendário ......: 2020 (exercício 2021)
- Tipo ................: Original
- Tributação ..........: Deduções legais
- Rend. tributáveis ...: R$ 95.000,00
- Prev. oficial .......: R$ 8.000,00
- Dependentes .........: nenhum
- Desp. médicas .......: R$ 4.321,00
- Base cálc. ..........: R$ 82.679,00
- IR devido ...........: R$ 12.304,41
- IR retido ...........: R$ 13.000,00
- A restituir .........: R$ 695,59
"""
    filing = read_filing(text)
    assert filing is not None
    assert filing.value(Field.TAX_REFUND) == "695.59"
    assert filing.value(Field.TAX_BASE) == "82679.00"
    assert "missing_field: taxpayer_id" in filing.doubts
    assert "missing_field: education" in filing.doubts


COMPLETA = """\
Encaminho os dados da minha DIRPF:
Contribuinte: IVO PORTELA
CPF: 333.333.334-14
Ano-base: 2023
Tipo da declaração: retificadora
Número do recibo da declaração retificada: 12.34.56.78.90-12
Opção pela tributação: deduções legais
Rendimentos tributáveis | 100.000,00
Previdência oficial | 9.000,00
Dependentes | 2
Dedução por dependentes | 4.550,16
Despesas com educação | 3.561,50
Despesas médicas | 1.000,00
Base de cálculo | 81.888,34
Imposto devido | 11.962,16
IRRF | 12.000,00
Restituição | 37,84
"""


def test_a_corrected_return_with_legal_deductions_is_read() -> None:
    filing = read(COMPLETA)
    assert filing.doubts == ()
    assert filing.value(Field.CORRECTED_RECEIPT) == "123456789012"
    assert filing.value(Field.FILER_CATEGORY) == "completa"
    assert filing.value(Field.DEPENDANTS) == "2"
    assert filing.value(Field.DEPENDANTS_DEDUCTION) == "4550.16"
    assert filing.value(Field.TAX_REFUND) == "37.84"


@pytest.mark.parametrize(
    ("without", "doubt"),
    [
        ("CPF", "taxpayer_id"),
        ("Contribuinte", "name"),
        ("Ano-base", "calendar_year"),
        ("Tipo da declaração", "return_type"),
        ("Número do recibo", "corrected_receipt"),
        ("Opção pela", "filer_category"),
        ("Rendimentos", "taxable_income"),
        ("Previdência", "official_pension"),
        ("Dedução por", "dependants_deduction"),
        ("Despesas com", "education"),
        ("Despesas médicas", "medical"),
        ("Base", "tax_base"),
        ("Imposto devido", "tax_due"),
        ("IRRF", "tax_withheld"),
        ("Restituição", "tax_to_pay"),
    ],
)
def test_a_required_field_that_is_missing_is_named(without: str, doubt: str) -> None:
    body = re.sub(rf"(?m)^{without}.*\n", "", COMPLETA)
    assert body != COMPLETA
    assert read(body).doubts == (f"missing_field: {doubt}",)


@pytest.mark.parametrize(
    "written",
    [
        "Imposto devido: cerca de R$ 7.167,68",
        "Imposto devido: R$ 7,167.68",
        "Imposto devido: R$ 7.167",
        "Imposto devido: não sei",
        "Imposto devido I: R$ 7.167,68",
        "Imposto devido e imposto retido foram de R$ 7.167,68 e R$ 6.000,00, respectivamente",
    ],
)
def test_what_is_not_clearly_the_amount_is_not_read(written: str) -> None:
    filing = read(LIST.replace("Imposto devido: R$ 7.167,68", written))
    assert filing.value(Field.TAX_DUE) is None
    assert "missing_field: tax_due" in filing.doubts


@pytest.mark.parametrize(
    "remark",
    [
        "\nCorrigindo: o imposto devido é de R$ 7.168,00.\n",
        "\nImposto devido: R$ 8.000,00\n",
    ],
)
def test_two_amounts_for_one_field_are_never_decided(remark: str) -> None:
    filing = read(LIST + remark)
    assert filing.doubts == ("ambiguous_field: tax_due",)
    assert filing.value(Field.TAX_DUE) is None


def test_an_amount_of_another_year_is_not_this_year_s() -> None:
    filing = read(LIST + "\nPara comparar: o imposto devido em 2021 foi de R$ 5.000,00.\n")
    assert (filing.doubts, filing.value(Field.TAX_DUE)) == ((), "7167.68")


def test_two_people_in_one_mail_are_not_mixed() -> None:
    filing = read(LIST + LIST.replace("222.222.223-03", "333.333.334-14").replace("RITA", "OLGA"))
    assert set(filing.doubts) == {"ambiguous_field: taxpayer_id", "ambiguous_field: name"}


def test_a_year_that_may_be_either_of_two_is_not_read() -> None:
    body = LIST.replace("Ano-calendário: 2022\nExercício: 2023", "Exercício/ano-calendário: 2023/2022")
    assert read(body).doubts == ("missing_field: calendar_year",)


NOT_FILINGS = {
    "a question": "Qual é o limite para declarar imposto de renda? Tive rendimentos tributáveis de R$ 30.000,00 em 2023.",
    "a newsletter": (
        "IRPF 2025: quem precisa declarar? Em 2024, quem teve rendimentos tributáveis de R$ 33.888,00 ou mais. O desconto "
        "simplificado é de R$ 16.754,34, a dedução por dependentes de R$ 2.275,08 e a de instrução, R$ 3.561,50. A base "
        "de cálculo de R$ 26.963,20 é isenta. Ano-calendário 2024, exercício 2025."
    ),
    "the law": (
        "Art. 10. O contribuinte poderá optar por desconto simplificado, que substituirá todas as deduções admitidas na "
        "declaração de imposto de renda, limitado a R$ 16.754,34 a partir do ano-calendário de 2014."
    ),
    "an invitation": "Sua declaração de imposto de renda já pode ser entregue. CPF 222.222.223-03. Acesse o portal.",
    "an invoice": LIST.replace("declaração de ajuste anual", "fatura")
    .replace("Imposto", "Frete")
    .replace("Declaração", "Pedido"),
    "only quoted": "Recebido, obrigado.\n\nEm 3 de maio de 2023, Rita escreveu:\n" + re.sub("(?m)^", "> ", LIST),
    "a forwarded one": "Veja abaixo.\n\n---------- Mensagem encaminhada ---------\nDe: Rita\n" + LIST,
}


@pytest.mark.parametrize("kind", NOT_FILINGS)
def test_what_only_talks_about_the_tax_is_no_filing(kind: str) -> None:
    headers = HEADERS.replace("Minha declaração de imposto de renda", "RES: consulta")
    assert read_filing(headers + NOT_FILINGS[kind]) is None


@given(st.text(alphabet=st.sampled_from("Imposto devido:R$ 1.234,56\n>|CPFçã-\u0301ßİ"), max_size=300))
def test_any_text_has_an_answer_and_its_spans_are_exact(noise: str) -> None:
    text = HEADERS + noise + "\n" + LIST + noise
    filing = read_filing(text)
    for located in filing.fields if filing else ():
        assert text[located.start : located.end].strip() == text[located.start : located.end] != ""


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["imposto devido ", "cpf ", "recibo da ", "> ", "em ", "1.234.", "declarante ", "retifica o ", " a", "\n"]
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    read_filing(HEADERS + "declaração de ajuste anual\n" + piece * (190_000 // len(piece)))


def test_the_map_serves_both_layouts_and_every_label_is_a_regular_expression() -> None:
    places = locator_map("email")
    assert {place.layout for place in places} == {"mail-labelled", "mail-prose"}
    for place in places:
        assert re.compile(place.label).match("") is None


NOT_A_PLAIN_STATEMENT = {
    "the year before in a second column": (
        "Imposto devido: R$ 7.167,68",
        "Imposto devido: R$ 7.167,68 | R$ 6.900,00",
        "tax_due",
    ),
    "thousands in words": ("R$ 80.000,00", "R$ 80,00 mil", "taxable_income"),
    "a sum to be added up": ("R$ 6.000,00", "R$ 3.500,00 (empresa A) + R$ 2.500,00 (empresa B)", "tax_withheld"),
    "instalments": ("Imposto a pagar: R$ 1.167,68", "Imposto a pagar: R$ 145,96 x 8", "tax_to_pay"),
    "an amount a month": ("R$ 80.000,00", "R$ 6.666,67 por mês", "taxable_income"),
    "two choices": ("R$ 7.167,68", "R$ 7.167,68 ou R$ 7.176,68", "tax_due"),
    "withheld of another kind": ("Imposto retido na fonte:", "Imposto retido na fonte (13º):", "tax_withheld"),
    "a firm in place of a person": ("RITA NOEMI PAIVA", "Alfa Serviços Ltda", "name"),
    "both models": ("simplificada", "completa ou simplificada", "filer_category"),
}


@pytest.mark.parametrize(("said", "instead", "field"), NOT_A_PLAIN_STATEMENT.values(), ids=NOT_A_PLAIN_STATEMENT)
def test_what_is_not_plainly_stated_is_named_and_left_to_a_person(said: str, instead: str, field: str) -> None:
    filing = read_filing(HEADERS + LIST.replace(said, instead, 1))

    assert filing is not None
    assert filing.value(Field(field)) is None
    assert any(doubt.endswith(f": {field}") for doubt in filing.doubts)


def test_the_number_of_the_accountant_who_signs_is_not_the_filers() -> None:
    without = LIST.replace("CPF: 222.222.223-03\n", "")

    filing = read_filing(f"{HEADERS}{without}\nAtt.,\nCarlos Dias, contador\nCPF: 111.111.110-30\n")

    assert filing is not None
    assert filing.value(Field.TAXPAYER_ID) is None


def test_a_deduction_that_is_named_and_not_given_is_not_taken_for_none() -> None:
    filing = read_filing(HEADERS + LIST.replace("simplificada", "completa") + "Previdência privada: não me lembro\n")

    assert filing is not None
    assert "unreadable_field: private_pension" in filing.doubts


def test_an_original_that_is_said_to_correct_another_is_in_doubt() -> None:
    filing = read_filing(HEADERS + LIST + "\nEla retifica a que entreguei em abril.\n")

    assert filing is not None
    assert "ambiguous_field: return_type" in filing.doubts


@pytest.mark.parametrize("filler", [" ", "*", ".", "_", "\t", " . ", "a "])
def test_a_label_before_endless_filling_costs_no_more_than_its_length(filler: str) -> None:
    long = HEADERS + LIST + "Imposto devido" + filler * (60_000 // len(filler))

    started = time.process_time()
    read_filing(long)

    assert time.process_time() - started < 5
