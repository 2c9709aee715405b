import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.chunks.windows import Span, WindowSize, windows_of
from tests.chunks.texts import pages

SIZE = WindowSize(tokens=6, overlap=2)


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def windows(text: str, size: WindowSize = SIZE) -> list[str]:
    return [text[w.start : w.end] for w in windows_of(text, 0, len(text), words(text), size)]


def test_a_short_text_is_one_window() -> None:
    assert windows("One two. Three four.") == ["One two. Three four."]


def test_white_space_around_a_window_is_left_out() -> None:
    assert windows("  \n One two. \n\n ") == ["One two."]
    assert windows(" \n\t ") == []
    assert windows("") == []


def test_windows_are_made_of_whole_sentences_and_overlap_by_whole_sentences() -> None:
    assert windows("A b. C d. E f. G h. I j.") == ["A b. C d. E f.", "E f. G h. I j."]


def test_a_sentence_that_does_not_fit_the_overlap_is_not_repeated() -> None:
    assert windows("A b c. D e f. G h i.") == ["A b c. D e f.", "G h i."]


def test_a_line_break_ends_a_sentence_so_that_the_rows_of_a_table_stay_whole() -> None:
    assert windows("a 1 x\nb 2 y\nc 3 z\nd 4 w") == ["a 1 x\nb 2 y", "c 3 z\nd 4 w"]


def test_closing_quotes_belong_to_the_sentence_that_they_end() -> None:
    assert windows("He said “a b c d.” Then e.", WindowSize(tokens=6, overlap=0)) == ["He said “a b c d.”", "Then e."]


def test_a_point_inside_a_number_ends_nothing() -> None:
    assert windows("a b 1.5 c d e f g", WindowSize(tokens=8, overlap=0)) == ["a b 1.5 c d e f g"]


def test_a_sentence_longer_than_a_window_is_cut_between_tokens() -> None:
    assert windows("a b c d e f g h i j") == ["a b c d e f", "e f g h i j"]


def test_full_width_terminators_need_no_space_after_them() -> None:
    text = "一。二。三。"
    spans = windows_of(text, 0, len(text), [(i, i + 1) for i in range(6)], WindowSize(tokens=2, overlap=0))
    assert [text[s.start : s.end] for s in spans] == ["一。", "二。", "三。"]


def test_only_the_asked_stretch_is_windowed() -> None:
    text = "Before. Inside. After."
    tokens = [span for span in words(text) if 8 <= span[0] < 15]
    assert windows_of(text, 8, 15, tokens, SIZE) == [Span(8, 15, 1)]


sizes = st.integers(1, 12).flatmap(lambda n: st.builds(WindowSize, st.just(n), st.integers(0, n - 1)))


@given(pages, sizes)
def test_windows_advance_cover_the_text_and_keep_their_size(text: str, size: WindowSize) -> None:
    tokens = words(text)
    found = windows_of(text, 0, len(text), tokens, size)
    covered: set[int] = set()
    for window in found:
        assert window.tokens == sum(window.start <= start < window.end for start, _ in tokens) <= size.tokens
        covered.update(range(window.start, window.end))
    assert not [i for i, character in enumerate(text) if not character.isspace() and i not in covered]
    for before, after in itertools.pairwise(found):
        assert before.start < after.start
        assert before.end < after.end
        assert sum(after.start <= start < before.end for start, _ in tokens) <= size.overlap
