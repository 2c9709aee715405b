"""Folded text reads as ASCII where it looks like it, and every folded character knows where it stood."""

from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.governance.redaction.folding import fold


def test_digits_of_every_script_become_ascii_digits() -> None:
    assert fold("４٢۰०𝟚²").text == "420022"


def test_dashes_spaces_and_dots_become_the_plain_ones() -> None:
    assert fold("1\u20112\u22123\u00a04\u202f5\u20246").text == "1-2-3 4 5.6"


def test_diacritics_go_in_both_normal_forms() -> None:
    assert fold("Agência nº").text == fold("Age\u0302ncia nº").text == "Agencia no"


def test_letters_that_look_latin_become_latin() -> None:
    assert fold("СРF").text == "CPF"


def test_what_has_no_width_goes_and_the_span_still_holds_it() -> None:
    folded = fold("x4\u200b2\ufeff0y")
    assert folded.text == "x420y"
    assert folded.origin(1, 4) == (1, 6)


def test_a_character_that_stands_for_two_has_one_place() -> None:
    folded = fold("a⒈b")
    assert folded.text[0] + folded.text[-1] == "ab"
    assert folded.origin(0, len(folded.text)) == (0, 3)


@given(st.text())
def test_every_folded_character_has_its_place(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.lower)
    places = [folded.origin(i, i + 1) for i in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert places == sorted(places)
