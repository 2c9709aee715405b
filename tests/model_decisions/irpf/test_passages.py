import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.model_decisions.irpf.passages import Passage, joined, once
from compliance_assets.model_decisions.irpf.plain import plain
from evals.golden.golden_set import Plan
from tests.model_decisions.irpf.triaged import chunks_of, plan, text_of

WORDS = st.lists(st.text("abcdefghij0123456789,.ÁçÃ", min_size=1, max_size=12), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "filing", [plan(kind, 2022) for kind in ("pdf", "xml", "fixed_width", "email")], ids=lambda p: p.format
)
def test_the_windows_of_a_filing_are_its_text_again(filing: Plan) -> None:
    text = text_of(filing)
    windows = [Passage(chunk.chunk_id, chunk.text) for chunk in chunks_of(text)]
    assert len(windows) >= 2

    again = joined(windows)

    assert again.text.split() == text.split()
    assert all(again.text[at : at + len(w.text)] == w.text for w, at in zip(windows, again.starts, strict=True))


def test_windows_that_only_seem_to_overlap_are_not_joined() -> None:
    assert joined([Passage("a", "13/09/1940  31"), Passage("b", "31  EMERSON")]).text == "13/09/1940  31\n31  EMERSON"


def test_a_number_hidden_in_one_window_and_cut_in_the_next_is_one() -> None:
    before = "um começo\n16CPF_ABCDEFGCECILIA ANTONIO PACHECO      BELEM"
    after = "9549801CECILIA ANTONIO PACHECO      BELEM                PA"

    assert (
        joined([Passage("a", before), Passage("b", after)]).text
        == before + after[len("9549801CECILIA ANTONIO PACHECO      BELEM") :]
    )


@given(st.lists(WORDS, min_size=1, max_size=30), st.data())
def test_a_quote_stands_in_its_passage_once(lines: list[list[str]], data: st.DataObject) -> None:
    text = "\n".join(" ".join(words) for words in lines)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found = joined([Passage("ck", text)]).quote(start, end)

    if found is None:
        assert not text[start:end].strip()
    else:
        assert text[start:end].strip() in found.text
        assert found.text in text


def test_a_short_number_is_quoted_with_what_stands_before_it() -> None:
    text = "EXERCÍCIO 2018 de 2018"

    assert once(text, 18, 22) == "de 2018"
    assert once("valor pago: 0,00 e nada mais", 12, 16) == "pago: 0,00"


@given(st.text())
def test_plain_characters_stand_where_the_originals_do(text: str) -> None:
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)
