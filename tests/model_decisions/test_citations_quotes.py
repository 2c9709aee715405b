import pytest

from compliance_assets.model_decisions.quotes import Misquoted, place_of

FORM = """DECLARAÇÃO RETIFICADORA? ...... NÃO
CPF ...... 420.227.291-96
PENSÃO ALIMENTÍCIA ...... 0,00
LIVRO-CAIXA ...... 0,00
BASE DE CÁLCULO   231.755,23
ESPÓLIO? ...... NÃO
CPF DO DECLARANTE ...... 420.227.291-96"""


def kept(quote: str, text: str) -> str:
    place = place_of(quote, text)
    return place.value if isinstance(place, Misquoted) else text[slice(*place)]


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("BASE DE CÁLCULO 231.755,23", "BASE DE CÁLCULO   231.755,23"),
        ("  CPF ...... 420.227.291-96\n\n", "CPF ...... 420.227.291-96"),
        ("0,00 LIVRO-CAIXA", "0,00\nLIVRO-CAIXA"),
    ],
)
def test_white_space_is_read_freely_and_kept_as_the_text_has_it(quote: str, found: str) -> None:
    assert kept(quote, FORM) == found


@pytest.mark.parametrize(
    "quote", ["BASEDE CÁLCULO", "BA SE DE CÁLCULO", "231. 755,23", "BASE DE CALCULO", "Base de cálculo"]
)
def test_nothing_else_is_read_freely(quote: str) -> None:
    assert kept(quote, FORM) == "quote_not_verbatim"


@pytest.mark.parametrize("quote", ["0,00", "NÃO", "...... 0,00", "R$ 0,00", "2021", "S", "not"])
def test_what_means_nothing_by_itself_has_to_stand_at_one_place(quote: str) -> None:
    assert kept(quote, f"{quote} and\n{quote}") == "quote_ambiguous"
    assert kept(quote, f"once {quote} and no more") == quote


@pytest.mark.parametrize("quote", ["LIVRO-CAIXA ...... 0,00", "PENSÃO ALIMENTÍCIA ...... 0,00", "BASE DE CÁLCULO"])
def test_a_value_with_its_label_says_what_it_is(quote: str) -> None:
    assert kept(quote, FORM + "\n" + FORM).split() == quote.split()


def test_a_label_of_one_word_does_not_tell_one_number_from_another() -> None:
    assert kept("total: 0,00", "deducoes / total: 0,00\nimposto / total: 0,00") == "quote_ambiguous"
    assert kept("imposto / total: 0,00", "deducoes / total: 0,00\nimposto / total: 0,00") == "imposto / total: 0,00"


def test_the_number_of_a_person_means_the_same_wherever_it_stands() -> None:
    assert place_of("420.227.291-96", FORM) == (FORM.index("420"), FORM.index("420") + 14)
    assert kept("420.227.291-97", FORM.replace("96", "97")) == "quote_ambiguous"  # no person has this one


@pytest.mark.parametrize("quote", ["", " ", "\n", "\u00a0", "...", "[ ]", "____"])
def test_what_holds_no_letter_and_no_digit_is_no_quote(quote: str) -> None:
    assert kept(quote, "a ... [ ] ____ \n b") == "quote_blank"


@pytest.mark.parametrize(
    ("quote", "text", "found"),
    [
        ("limited", "Liability is unlimited.", "unlimited"),
        ("Liability is un", "Liability is unlimited.", "Liability is unlimited"),
        ("We can", "We cannot share it.", "We cannot"),
        ("We do", "We don’t share it.", "We don’t"),
        ("conforming", "Any non-conforming part", "non-conforming"),
        ("CALENDÁRIO 2015", "ANO-CALENDÁRIO 2015", "ANO-CALENDÁRIO 2015"),
        ("caf", "cafe\u0301s", "cafe\u0301s"),
        ("cafe", "cafe\u0301", "cafe\u0301"),
        ("SILVIO", "1100SILVIO   RN", "SILVIO"),
        ("limited", "unlimited or limited", "limited"),
    ],
)
def test_half_a_word_is_kept_as_the_whole_word(quote: str, text: str, found: str) -> None:
    assert kept(quote, text) == found


def test_where_words_have_no_ends_a_quote_is_kept_as_it_is() -> None:
    text = "中" * 100 + "文"

    assert kept("文", text) == "文"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("46.007,47", "total 246.007,47"),
        ("246.007", "total 246.007,47"),
        ("007,47", "total 246.007,47"),
        ("August 1, 201", "on August 1, 2010."),
        ("12", "a 123 b"),
        ("12,00", "a result of -12,00"),
        ("420.227.291", "CPF 420.227.291-96"),
        ("22.316.164", "CNPJ 22.316.164/0001-65"),
        ("0001-65", "CNPJ 22.316.164/0001-65"),
    ],
)
def test_half_a_number_is_another_number(quote: str, text: str) -> None:
    assert kept(quote, text) == "quote_cuts_number"


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("246.007,47", "R$ 246.007,47."),
        ("2015", "06/04/2015"),
        ("2019", "2019-2020"),
        ("7", "Section A-7"),
        ("5", "--5"),
        ("1", "1, 2"),
    ],
)
def test_a_number_ends_where_its_sentence_does(quote: str, text: str) -> None:
    assert kept(quote, text) == quote


def test_the_fields_of_a_record_stand_with_nothing_between_them() -> None:
    record = "IRPF    201720162700053130312366   1100SILVIO"

    assert kept("53130312366", record) == "53130312366"
    assert kept("IRPF 2017", record) == "IRPF    2017"
