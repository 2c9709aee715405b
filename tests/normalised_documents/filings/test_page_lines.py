from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.normalised_documents.filings.page_lines import lines_of, squeezed
from compliance_assets.normalised_documents.words import Box, Word
from tests.normalised_documents.filings.printed import page


def cells(*rows: str) -> list[list[str]]:
    text, words = page(*rows)
    return [[text[cell.start : cell.end] for cell in line.cells] for line in lines_of(text, words)]


def test_words_of_one_height_are_a_line_and_a_wide_gap_parts_cells() -> None:
    assert cells("NOME: ANA SOUZA     CPF: 222", "BASE DE CALCULO") == [
        ["NOME: ANA SOUZA", "CPF: 222"],
        ["BASE DE CALCULO"],
    ]


def test_the_order_of_the_words_does_not_matter() -> None:
    text, words = page("a b    c", "d e    f")

    assert lines_of(text, words[::-1]) == lines_of(text, words)


def test_a_slight_slope_of_a_line_does_not_break_it() -> None:
    words = tuple(Word(2 * i, 2 * i + 1, 1, Box(10 * i, 0.2 * i, 10 * i + 8, 10 + 0.2 * i)) for i in range(20))

    assert len(lines_of("x " * 20, words)) == 1


def test_lines_of_different_pages_are_never_joined() -> None:
    words = (Word(0, 1, 1, Box(0, 0, 5, 10)), Word(2, 3, 2, Box(10, 0, 15, 10)))

    assert [line.page for line in lines_of("a b", words)] == [1, 2]


def test_folding_leaves_letters_and_digits_and_says_where_they_stand() -> None:
    text, words = page("Dedução: 1.234,56")
    (line,) = lines_of(text, words)

    assert line.cells[0].squeezed == squeezed("Dedução: 1.234,56") == "deducao123456"
    assert [text[i] for i in line.cells[0].offsets] == list("Dedução123456")


@given(st.lists(st.lists(st.text("ab1 ç", min_size=1, max_size=6), max_size=4), max_size=6))
def test_every_word_is_in_exactly_one_cell(rows: list[list[str]]) -> None:
    text, words = page(*("   ".join(row) for row in rows))

    placed = [word for line in lines_of(text, words) for cell in line.cells for word in cell.words]

    assert sorted(placed, key=lambda w: w.start) == sorted(words, key=lambda w: w.start)
