"""Length, the way back, determinism, known values, and streams that may be cut anywhere."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.redaction.pseudonyms import Pseudonyms
from compliance_assets.governance.redaction.redactor import Redactor, StreamRedactor
from compliance_assets.governance.redaction.segments import LONGEST, segments

KEY = b"0123456789abcdef0123456789abcdef"
PIECES = (
    "CPF 390.533.447-05",
    "３９０.533.447-05",
    "16.727.230/0001-97",
    "12ABC34501DE35",
    "conta corrente 12345-6",
    "Agência: 0001",
    "(11) 98765-4321",
    "a.b@exemplo.com",
    "O Sr. João da Silva",
    "Nome: ",
    "BR15 0000 0000 0000 1093 2840 814P 2",
    "nascido em 01/02/1980",
    "Rua das Flores, 12",
    "declarou os rendimentos. ",
    "Seguem documentos.\n",
    "\n\n",
    "\r\n",
    "   ",
    "Atenciosamente,\n\n",
    "\u200b",
    "1234",
    "é",
    "lorem ipsum dolor sit amet consectetur. " * 9,
    "x" * 300,
)
texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=25).map(" ".join)


def streamed(text: str, cuts: list[int]) -> str:
    stream, out, at = StreamRedactor(Redactor(KEY)), "", 0
    for cut in sorted(min(cut, len(text)) for cut in cuts):
        out += stream.feed(text[at:cut])
        at = cut
    return out + stream.feed(text[at:]) + stream.flush()


def test_a_pseudonym_is_as_long_as_its_value_and_names_its_kind() -> None:
    redacted = Redactor(KEY).redact("CPF 390.533.447-05.")
    [span] = redacted.spans
    assert redacted.text == f"CPF {span.pseudonym}."
    assert len(span.pseudonym) == 14
    assert span.pseudonym.startswith("CPF_")


def test_a_value_has_one_pseudonym_in_every_spelling_of_one_length() -> None:
    spans = Redactor(KEY).redact("390.533.447-05 390 533 447 05 ３９０.533.447-05 39053344705").spans
    assert len({span.pseudonym for span in spans[:3]}) == 1
    assert spans[0].pseudonym.startswith(spans[3].pseudonym)


def test_another_key_gives_another_pseudonym() -> None:
    one, other = (Redactor(key).redact("39053344705").text for key in (KEY, KEY[::-1]))
    assert one != other


def test_restore_puts_the_originals_into_what_a_model_wrote() -> None:
    redactor = Redactor(KEY)
    [span] = redactor.redact("CPF 390.533.447-05").spans
    assert (
        redactor.restore(f"O CPF é {span.pseudonym}, não CPF_AAAAAAAAAA.")
        == "O CPF é 390.533.447-05, não CPF_AAAAAAAAAA."
    )


def test_counts_are_by_kind() -> None:
    redactor = Redactor(KEY)
    redactor.redact("390.533.447-05 e 39053344705")
    redactor.redact("a.b@exemplo.com")
    assert redactor.counts == {"CPF": 2, "EMAIL": 1}


def test_only_the_kinds_asked_for_go() -> None:
    assert Redactor(KEY, kinds={"EMAIL"}).redact("39053344705 a.b@exemplo.com").text.startswith("39053344705 MAIL_")


def test_known_values_go_inside_longer_runs_and_with_separators() -> None:
    redactor = Redactor(KEY, known=["22222222303", "FULANO DE TAL"])
    redacted = redactor.redact("IRPF2017222222223030000fulano de tal 222.222.223-03")
    assert [span.kind for span in redacted.spans] == ["CPF", "PERSON", "CPF"]
    assert "222" not in redacted.text


def test_a_known_word_is_not_sought_inside_other_words() -> None:
    assert Redactor(KEY, known=["Ana"]).redact("Banana, ana.").spans[0].start == 8


def test_line_ends_inside_a_value_stay() -> None:
    redacted = Redactor(KEY).redact("CPF 390.533.\n447-05")
    assert redacted.text.startswith("CPF CPF_")
    assert redacted.text[12] == "\n"


@pytest.mark.parametrize("length", range(1, 12))
def test_values_too_short_for_a_code_still_have_their_own_pseudonym(length: int) -> None:
    pseudonyms = Pseudonyms(KEY)
    values = [f"{number:0{length}d}"[-length:] for number in range(10)]
    made = [pseudonyms.of("AGE", value, value, "") for value in values]
    assert len(set(made)) == len(values)
    assert {len(pseudonym) for pseudonym in made} == {length}
    assert [pseudonyms.restore(pseudonym) for pseudonym in made] == values


def test_a_pseudonym_that_the_text_already_has_is_not_used() -> None:
    taken = Redactor(KEY).redact("39053344705").text
    redacted = Redactor(KEY).redact(f"{taken} 39053344705")
    assert redacted.text.startswith(taken)
    assert redacted.spans[0].pseudonym != taken


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="bytes"):
        Redactor(b"short")


@given(texts)
@settings(max_examples=150, deadline=None)
def test_nothing_moves_and_everything_outside_the_spans_stays(text: str) -> None:
    redacted = Redactor(KEY).redact(text)
    assert len(redacted.text) == len(text)
    at = 0
    for span in redacted.spans:
        assert at <= span.start < span.end
        assert redacted.text[at : span.start] == text[at : span.start]
        assert redacted.text[span.start : span.end] == span.pseudonym
        at = span.end
    assert redacted.text[at:] == text[at:]
    assert [len(line) for line in redacted.text.splitlines()] == [len(line) for line in text.splitlines()]


@given(texts)
@settings(max_examples=100, deadline=None)
def test_the_same_text_gives_the_same_pseudonyms_and_comes_back_at_its_length(text: str) -> None:
    redactor = Redactor(KEY)
    redacted = redactor.redact(text).text
    assert len(redactor.restore(redacted)) == len(text)
    assert Redactor(KEY).redact(text).text == redacted


@given(texts, st.lists(st.integers(0, 2_000), max_size=12))
@settings(max_examples=250, deadline=None)
@example("CPF 390.533.447-05", list(range(19)))
@example("Atenciosamente,\n\nFulano de Tal\n", [14, 15, 16, 17, 18, 20])
def test_a_stream_cut_anywhere_gives_what_the_whole_gives(text: str, cuts: list[int]) -> None:
    assert streamed(text, cuts) == Redactor(KEY).redact(text).text


def test_a_stream_cut_at_every_character_gives_what_the_whole_gives() -> None:
    text = "\n\n".join(f"{piece} {'palavras de um documento. Outras ' * 12}" for piece in PIECES)
    assert streamed(text, list(range(len(text)))) == Redactor(KEY).redact(text).text


def test_a_stream_lets_go_of_finished_paragraphs() -> None:
    stream = StreamRedactor(Redactor(KEY))
    paragraph = "O contribuinte declarou os seus rendimentos do ano. " * 8
    assert stream.feed(f"{paragraph}\n\nOutro ").startswith(paragraph[:200])


@given(texts)
@settings(max_examples=100, deadline=None)
def test_segments_are_the_text(text: str) -> None:
    assert "".join(segments(text)) == text


def test_a_text_without_any_place_to_cut_is_cut_at_the_limit() -> None:
    assert [len(segment) for segment in segments("x" * (2 * LONGEST + 5))] == [LONGEST, LONGEST, 5]


@pytest.mark.parametrize(
    "hostile",
    [
        "1" * 60_000,
        "1 " * 30_000,
        "12.345." * 9_000,
        "a@" * 30_000,
        "Aa " * 20_000,
        "conta " * 10_000,
        "cpf:" * 15_000,
        "\n" * 60_000,
        "nome: " * 10_000,
        "rua a " * 10_000,
        "a.b." * 15_000 + "com",
        ":" * 60_000,
        "(11" * 20_000,
        "\u200b" * 60_000,
        "BR15" * 15_000,
        "12 Aa " * 10_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_no_text_takes_more_than_linear_time(hostile: str) -> None:
    started = time.process_time()
    Redactor(KEY).redact(hostile)
    assert time.process_time() - started < 3
