"""What the rules find and what they leave, kind by kind."""

import pytest

from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.governance.redaction.spans import Span

KEY = b"0123456789abcdef0123456789abcdef"


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in Redactor(KEY).redact(text).spans]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("CPF 390.533.447-05.", "CPF", "390.533.447-05"),
        ("cpf 39053344705, ok", "CPF", "39053344705"),
        ("CPF39053344705", "CPF", "39053344705"),
        ("(３９０．５３３．４４７－０５)", "CPF", "３９０．５３３．４４７－０５"),
        ("390.533.\n447-05", "CPF", "390.533.\n447-05"),
        ("CPF 3 9 0 5 3 3 4 4 7 0 5", "CPF", "3 9 0 5 3 3 4 4 7 0 5"),
        ("39\u200b053344\u00ad705", "CPF", "39\u200b053344\u00ad705"),
        ("CNPJ 16.727.230/0001-97", "CNPJ", "16.727.230/0001-97"),
        ("a 12.ABC.345/01DE-35 vendeu", "CNPJ", "12.ABC.345/01DE-35"),
        ("a 12abc34501de35 vendeu", "CNPJ", "12abc34501de35"),
        ("Nº do PIS do empregado: 46952280637", "PIS", "46952280637"),
        ("inscrição 469.52280.63-7", "PIS", "469.52280.63-7"),
        ("RG nº MG-12.345.678 SSP", "RG", "MG-12.345.678"),
        ("título de eleitor 1023 8501 0671", "VOTER", "1023 8501 0671"),
        ("my SSN is 536904399", "SSN", "536904399"),
        ("NHS number 943 476 5870", "NHS", "943 476 5870"),
        ("passaporte: FD123456", "PASSPORT", "FD123456"),
        ("iban br15 0000 0000 0000 1093 2840 814p 2 por favor", "IBAN", "br15 0000 0000 0000 1093 2840 814p 2"),
        ("cartão 4111 1111 1111 1111 val. 12/29", "CARD", "4111 1111 1111 1111"),
        ("Conta corrente nº 12.345-6", "ACCOUNT", "12.345-6"),
        ("Ag. 0001-9", "AGENCY", "0001-9"),
        ("Escreva a Joao.Silva+x@exemplo.com.br.", "EMAIL", "Joao.Silva+x@exemplo.com.br"),
        ("veja https://exemplo.com/a?b=1.", "URL", "https://exemplo.com/a?b=1"),
        ("IP 192.168.10.12", "IP", "192.168.10.12"),
        ("de 2001:db8::8:800 hoje", "IP", "2001:db8::8:800"),
        ("fone (11) 98765-4321", "PHONE", "(11) 98765-4321"),
        ("meu celular mudou para 11987654321", "PHONE", "11987654321"),
        ("+44 20 7946 0958", "PHONE", "+44 20 7946 0958"),
        ("CEP 01310-100", "ZIP", "01310-100"),
        ("nascido em 18 de abril de 1938", "BIRTH", "18 de abril de 1938"),
        ("NOME  ......  FULANO DE TAL", "PERSON", "FULANO DE TAL"),
        ("NOME\nFULANO DE TAL\n", "PERSON", "FULANO DE TAL"),
        ("nome: fulano de tal, casado", "PERSON", "fulano de tal"),
        ("O Sr. Fulano de Tal veio.", "PERSON", "Fulano de Tal"),
        ("FULANO DE TAL, portador de", "PERSON", "FULANO DE TAL"),
        ("Atenciosamente,\n\nFulano de Tal\n", "PERSON", "Fulano de Tal"),
        ("mora na Rua das Flores, 123, apto 45", "ADDRESS", "Rua das Flores, 123, apto 45"),
        ("lives at 12 Elm Street, Apt. 4", "ADDRESS", "12 Elm Street, Apt. 4"),
    ],
)
def test_a_value_is_found_whole(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "CPF 390.533.447-06",
        "CNPJ 16.727.230/0001-98",
        "PIS 469.52280.63-8",
        "IBAN BR16 0000 0000 0000 1093 2840 814P 2",
        "RENDIMENTOS  1.234.567,89  0,00",
        "Processo 0001234-56.2024.8.26.0100",
        "01/02/2024 às 10:30, exercício 2023-2024",
        "art. 4.3.2 da Lei 9.250/1995",
        "conta de luz de 12/2024: R$ 150,00",
        "boleto 34191.79001 01043.510047 91020.150008 1 89370000026000",
        "PELO TITULAR\nFONTE PAGADORA",
        "Prezados senhores,",
        "0" * 400,
    ],
)
def test_what_only_looks_like_a_value_stays(text: str) -> None:
    assert found(text) == []


def test_two_values_side_by_side_are_two() -> None:
    assert found("39053344705 16727230000197") == [("CPF", "39053344705"), ("CNPJ", "16727230000197")]


def test_a_number_inside_an_address_keeps_its_kind_and_the_rest_goes_too() -> None:
    assert found("https://exemplo.com/?cpf=39053344705&x=1") == [
        ("URL", "https://exemplo.com/?cpf="),
        ("CPF", "39053344705"),
        ("URL", "&x=1"),
    ]


class Cities:
    """Stands for a trained model: it knows one name."""

    name = "cities-1"

    def find(self, text: str) -> list[Span]:
        at = text.find("Recife")
        return [Span(at, at + 6, "PLACE")] if at >= 0 else []


def test_a_recogniser_from_outside_adds_its_spans() -> None:
    redacted = Redactor(KEY, recognisers=[Cities()]).redact("Mora em Recife, CPF 390.533.447-05")
    assert [span.kind for span in redacted.spans] == ["PLACE", "CPF"]
