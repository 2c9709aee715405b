"""Whose a text is: every CPF that it states, and no other number."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stdnum.br import cpf

from compliance_assets.contracts.data_subject import data_subject, data_subjects_in
from compliance_assets.contracts.errors import InvalidInput


def cpf_of(number: int) -> str:
    """The CPF whose first nine digits are a number."""
    digits = [int(d) for d in f"{number:09}"]
    for _ in range(2):
        weights = range(len(digits) + 1, 1, -1)
        digits.append(sum(w * d for w, d in zip(weights, digits, strict=True)) * 10 % 11 % 10)
    return "".join(map(str, digits))


#: 00000000000 is the one number whose check digits hold and that nobody can have.
CPFS = st.integers(1, 10**9 - 1).map(cpf_of)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Nd", "No", "Nl"], exclude_characters=".,-/ "), max_size=12)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda n: n,
    "printed": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}",
    "dash alone": lambda n: f"{n[:9]}-{n[9:]}",
    "slash": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}/{n[9:]}",
    "spaces": lambda n: f"{n[:3]} {n[3:6]} {n[6:9]} {n[9:]}",
    "no-break spaces": lambda n: f"{n[:3]}\u00a0{n[3:6]}\u00a0{n[6:9]}\u00a0{n[9:]}",
    "spaced dash": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]} - {n[9:]}",
    "en dash": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}–{n[9:]}",
    "no-break hyphen": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}\u2011{n[9:]}",
    "minus": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}\u2212{n[9:]}",
    "full width": lambda n: f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}".translate(FULL_WIDTH),
}
#: What may stand right before and right behind a number that is one.
AROUND = [
    ("CPF:", ","),
    ("nº.", "."),
    ("-", "-x"),
    ("(", ")"),
    ("cpf=", ";"),
    ("\n", "\n"),
    ("x", "x"),
    ("CPF-", "-Ana"),
    ("", "-1"),
    ("/", "/"),
]


@settings(max_examples=300, deadline=None)
@given(
    stated=st.lists(st.tuples(CPFS, st.sampled_from(sorted(SPELLINGS))), max_size=5),
    words=st.lists(WORDS, min_size=6, max_size=6),
)
def test_every_number_that_is_stated_is_found_however_it_is_spelt(
    stated: list[tuple[str, str]], words: list[str]
) -> None:
    text = words[0] + "".join(f" {SPELLINGS[how](n)} {words[at + 1]}" for at, (n, how) in enumerate(stated))
    assert data_subjects_in(text) == tuple(sorted({f"cpf:{n}" for n, _ in stated}))


@pytest.mark.parametrize(("before", "behind"), AROUND)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_it_is_found_between_any_signs(before: str, behind: str, spelling: str) -> None:
    assert data_subjects_in(before + SPELLINGS[spelling]("52998224725") + behind) == ("cpf:52998224725",)


@settings(max_examples=300)
@given(number=st.integers(0, 10**9 - 1), wrong=st.integers(1, 99), spelling=st.sampled_from(sorted(SPELLINGS)))
def test_a_number_whose_check_digits_do_not_hold_is_nobody(number: int, wrong: int, spelling: str) -> None:
    right = cpf_of(number)
    other = f"{right[:9]}{(int(right[9:]) + wrong) % 100:02}"
    assert not cpf.is_valid(other)
    assert data_subjects_in(f"de {SPELLINGS[spelling](other)} a") == ()


@settings(max_examples=300)
@given(number=CPFS, before=st.text("0123456789", min_size=1, max_size=20), behind=st.text("0123456789", max_size=20))
def test_digits_inside_of_a_longer_number_are_nobody(number: str, before: str, behind: str) -> None:
    assert data_subjects_in(f"protocolo {before}{number}{behind} de") == ()
    assert data_subjects_in(f"protocolo {number}{before} de") == ()


@settings(max_examples=200)
@given(number=CPFS, digit=st.integers(0, 9))
def test_groups_that_go_on_are_another_number(number: str, digit: int) -> None:
    printed = SPELLINGS["printed"](number)
    for text in (
        f"{digit}.{printed}",
        f"{digit},{printed}",
        f"{digit}-{printed}",
        f"{printed}{digit}",
    ):
        assert data_subjects_in(f"total {text} de") == ()


@given(text=st.text())
def test_any_text_has_an_answer_and_only_of_whole_numbers(text: str) -> None:
    for subject in data_subjects_in(text):
        assert subject.startswith("cpf:")
        assert subject[4:].isascii()
        assert cpf.is_valid(subject[4:])
        assert data_subject(subject) == subject


@pytest.mark.parametrize(
    "number", ["11.222.333/0001-81", "11222333000181", "(11) 98765-4321", "R$ 1.529.982,24", "2023-01-01 12:00:00"]
)
def test_other_numbers_of_a_filing_are_nobody(number: str) -> None:
    assert data_subjects_in(f"de {number} a") == ()


@settings(max_examples=200)
@given(number=CPFS, spelling=st.sampled_from(sorted(SPELLINGS)))
def test_what_a_person_types_is_the_subject_that_a_text_states(number: str, spelling: str) -> None:
    typed = SPELLINGS[spelling](number)
    assert (data_subject(f"  {typed} "),) == data_subjects_in(f"CPF {typed}.") == (f"cpf:{number}",)


def test_a_response_id_names_a_decision_that_states_nobody() -> None:
    assert data_subject("rsp_01JZZZZZZZZZZZZZZZZZZZZZZZ") == "rsp_01JZZZZZZZZZZZZZZZZZZZZZZZ"


@given(text=st.text(max_size=20))
def test_what_is_neither_is_refused_without_being_repeated(text: str) -> None:
    assume(not data_subjects_in(text) and not text.strip().startswith("rsp_"))
    with pytest.raises(InvalidInput, match="not a data subject") as refused:
        data_subject(text)
    assert refused.value.found == f"{len(text.strip().removeprefix('cpf:'))} characters that are neither"


@pytest.mark.parametrize("number", ["52998224726", "5299822472", "00000000000", "cnpj:11222333000181", ""])
def test_a_number_that_cannot_be_one_is_refused(number: str) -> None:
    with pytest.raises(InvalidInput, match="not a data subject"):
        data_subject(number)
