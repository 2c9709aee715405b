import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.chunks.tables import tables_of
from compliance_assets.chunks.windows import WindowSize, windows_of


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


BALANCE = """We describe our liquidity below.
CONSOLIDATED BALANCE SHEETS
(in millions)
December 31,
2016 2017
ASSETS
Current assets:
Cash and cash equivalents $ 19,334 $ 20,522
Marketable securities 6,647 10,464
Inventories 11,461 16,047
Total current assets 45,781 60,197
See the notes that follow.
"""


def text_of(text: str, table: tuple[int, int]) -> str:
    return text[table[0] : table[1]]


def test_a_statement_is_a_table_from_the_lines_that_name_it_to_its_last_row() -> None:
    (table,) = tables_of(BALANCE, 0, len(BALANCE))

    assert text_of(BALANCE, table).startswith("CONSOLIDATED BALANCE SHEETS")
    assert text_of(BALANCE, table).endswith("60,197")


def test_negative_figures_in_brackets_dashes_and_percentages_are_figures() -> None:
    text = "Net sales 5 % (3)% -\nCost of sales (11,969) (11,724)\nGross profit $ 2,725 $ 2,820\n"

    assert len(tables_of(text, 0, len(text))) == 1


def test_prose_with_years_in_it_is_no_table() -> None:
    text = "In 2016 and 2017 we grew.\nSales rose by 5 percent in 2017.\nThe limit of 2016 stays.\n" * 3

    assert tables_of(text, 0, len(text)) == []


def test_two_rows_are_no_table() -> None:
    text = "Basic 467 474\nDiluted 477 484\nThese are the earnings of a share.\n"

    assert tables_of(text, 0, len(text)) == []


def test_a_table_begins_a_window_where_it_does_not_fit_into_the_rest_of_one() -> None:
    before = "The first sentence is here. " * 6
    text = before.rstrip() + "\n" + BALANCE.split("\n", 1)[1]
    tokens = words(text)
    (table,) = tables_of(text, 0, len(text))
    room = sum(table[0] <= start < table[1] for start, _ in tokens)
    size = WindowSize(room + 10, 8)

    spans = windows_of(text, 0, len(text), tokens, size, [table])

    (whole,) = [span for span in spans if span.start <= table[0] and span.end >= table[1]]
    assert sum(whole.start <= start < table[0] for start, _ in tokens) <= size.overlap


def test_before_a_table_longer_than_a_window_no_window_is_overlap_alone() -> None:
    text = "One line.\n" * 6 + "Cash 1 2\n" * 20
    (table,) = tables_of(text, 0, len(text))
    spans = windows_of(text, 0, len(text), words(text), WindowSize(30, 6), [table])

    assert all(before.end < after.end for before, after in itertools.pairwise(spans))


@given(
    st.lists(st.sampled_from(["A line of words.", "Cash 1 2", "Debt (3) 4", "TOTAL", "", "Rows 5 6 7"]), max_size=40)
)
def test_tables_lie_in_order_inside_the_text_and_never_overlap(lines: list[str]) -> None:
    text = "\n".join(lines)
    tables = tables_of(text, 0, len(text))

    assert all(0 <= start < end <= len(text) for start, end in tables)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(tables))


@given(st.lists(st.sampled_from(["A line of words.", "Cash 1 2", "Debt (3) 4", "TOTAL", "Rows 5 6 7"]), max_size=60))
def test_windows_around_tables_hold_every_character_and_keep_their_size(lines: list[str]) -> None:
    text = "\n".join(lines)
    tokens = words(text)
    spans = windows_of(text, 0, len(text), tokens, WindowSize(30, 6), tables_of(text, 0, len(text)))
    held = set().union(*(range(span.start, span.end) for span in spans)) if spans else set()

    assert all(at in held for at, character in enumerate(text) if not character.isspace())
    assert all(span.tokens <= 30 for span in spans)
    assert all(before.start < after.start and before.end < after.end for before, after in itertools.pairwise(spans))
