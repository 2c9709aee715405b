import random

from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.ocr.engine import RecognisedWord
from compliance_assets.normalised_documents.ocr.page_text import page_text
from compliance_assets.normalised_documents.words import Box
from tests.normalised_documents.drawn_pages import word


def text_of(*words: RecognisedWord) -> str:
    return page_text(words, page=1, start=0).text


def test_words_become_lines_from_top_to_bottom_whatever_their_order() -> None:
    words = [
        word("Imposto", 0, 0),
        word("devido", 60, 2),
        word("Base", 0, 40),
        word("de", 55, 41),
        word("cálculo", 110, 39),
    ]
    random.Random(1).shuffle(words)
    assert text_of(*words) == "Imposto devido\nBase de cálculo\n"


def test_a_wide_gap_keeps_label_and_value_on_one_line_but_apart() -> None:
    assert text_of(word("devido", 0), word("1.234,56", 400)) == "devido  1.234,56\n"


def test_a_line_that_climbs_by_more_than_its_height_stays_one_line() -> None:
    words = [word(f"w{i}", 60 * i, top=100 - 4 * i) for i in range(20)]
    assert text_of(*words) == " ".join(f"w{i}" for i in range(20)) + "\n"


def test_the_rule_of_a_table_does_not_join_the_lines_beside_it() -> None:
    rule = word("|", 0, 0, width=4, height=100)
    lines = text_of(rule, word("um", 10, 0), word("dois", 10, 40), word("três", 10, 80)).splitlines()
    assert [line.split()[-1] for line in lines] == ["um", "dois", "três"]


def test_a_comma_low_on_the_line_and_a_dash_in_its_middle_belong_to_it() -> None:
    comma, dash = word(",", 51, 16, width=4, height=8), word("-", 120, 9, width=8, height=3)
    assert text_of(word("ano", 0), comma, word("mês", 65), dash, word("dia", 140)) == "ano , mês - dia\n"


def test_a_page_without_words_is_an_empty_line() -> None:
    assert text_of() == "\n"


def test_what_cannot_be_stored_is_replaced_before_offsets_are_taken() -> None:
    read = page_text([word("a\x00b", 0), word(" \t", 100), word("\ud800c d", 200)], page=1, start=0)
    assert read.text == "a\ufffdb  \ufffdcd\n"
    assert [read.text[w.start : w.end] for w in read.words] == ["a\ufffdb", "\ufffdcd"]


boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    *(st.floats(0, 2000) for _ in range(2)),
    *(st.floats(0, 300) for _ in range(2)),
)
words = st.lists(st.builds(RecognisedWord, st.text(max_size=8), boxes, st.floats(0, 1)), max_size=30)


@given(words, st.integers(0, 1000))
def test_every_word_stands_in_the_text_where_it_says(recognised: list[RecognisedWord], start: int) -> None:
    read = page_text(recognised, page=3, start=start)
    assert read.text.endswith("\n")
    stated = [read.text[w.start - start : w.end - start] for w in read.words]
    assert stated == read.text.split()
    assert all(w.page == 3 for w in read.words)
