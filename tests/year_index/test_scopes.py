import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.scopes import scope_of

HELD: dict[int, set[str | None]] = {
    2020: {"Northwind", "MGM Resorts"},
    2021: {"Northwind", "JPMorgan", "MGM Resorts", None},
    2022: {"Southwind", "American Water Works", "American"},
}


@pytest.mark.parametrize(
    ("question", "year", "category", "others"),
    [
        ("What did Northwind hold in 2020?", 2020, "Northwind", ()),
        ("What did Northwind hold in FY21 and in 2020?", 2021, "Northwind", (2020,)),
        ("What did northwind's bank hold?", 2021, "Northwind", (2020,)),
        ("What did JP Morgan hold?", 2021, "JPMorgan", ()),
        ("Did MGMResorts open?", 2021, "MGM Resorts", (2020,)),
        ("What did Southwind hold in 2021?", 2022, "Southwind", ()),
        ("What did American Water Works pay?", 2022, "American Water Works", ()),
        ("What did American pay?", 2022, "American", ()),
        ("What did Northwind and Southwind hold in 2021?", 2021, None, ()),
        ("What was held in 2020?", 2020, None, ()),
        ("What was held?", 2022, None, (2021, 2020)),
        ("What was held in 1999?", 2022, None, (2021, 2020)),
        ("What do Northwinders hold in 2021?", 2021, None, ()),
    ],
)
def test_a_question_names_its_scope(question: str, year: int, category: str | None, others: tuple[int, ...]) -> None:
    assert scope_of(question, HELD) == RetrievalScope(year=year, filer_category=category, opt_in_years=others)


def test_where_nothing_is_held_there_is_no_scope() -> None:
    assert scope_of("What did Northwind hold in 2020?", {}) is None


@given(
    st.text(max_size=60),
    st.dictionaries(st.integers(2010, 2026), st.sets(st.none() | st.text(min_size=1, max_size=12), min_size=1)),
)
def test_a_scope_is_always_one_that_holds_documents(question: str, held: dict[int, set[str | None]]) -> None:
    scope = scope_of(question, held)
    assert (scope is None) == (not held)
    if scope:
        assert set(scope.years) <= held.keys()
        assert scope.filer_category is None or all(scope.filer_category in held[year] for year in scope.years)
