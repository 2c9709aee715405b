import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.question import MOST_PARTS, parts_of, searched_as, years_in

ALL = RetrievalScope(year=2021)


def of(category: str | None) -> RetrievalScope:
    return RetrievalScope(year=2021, filer_category=category)


def test_a_question_is_searched_as_it_stands_where_nothing_is_to_be_left_out() -> None:
    assert searched_as("Who is the custodian?", ALL) == ("Who is the custodian?",)


@pytest.mark.parametrize(
    ("question", "category", "searched"),
    [
        ("Who holds Northwind's assets?", "Northwind", "Who holds assets?"),
        ("Who holds the assets of NORTHWIND in FY2021?", "Northwind", "Who holds the assets of in ?"),
        ("What did Coca-Cola Company hold?", "Coca-Cola Company", "What did hold?"),
        ("Which article is in the rules?", "rules", "Which article is in the rules?"),
        ("Is the company liable?", "Acme Company", "Is the company liable?"),
        ("What did Northwinder hold?", "Northwind", "What did Northwinder hold?"),
        ("Who holds Northwind's assets?", None, "Who holds Northwind's assets?"),
    ],
)
def test_what_every_document_in_scope_says_is_left_out(question: str, category: str | None, searched: str) -> None:
    assert searched_as(question, of(category)) == (searched,)


@pytest.mark.parametrize("question", ["Northwind 2021", "Northwind's?", "FY2021", "2021"])
def test_a_question_of_nothing_else_is_searched_whole(question: str) -> None:
    assert searched_as(question, of("Northwind")) == (question,)


def test_a_question_of_several_is_searched_whole_and_in_its_parts() -> None:
    question = "Who is the custodian? Answer in a word. Which reserve is kept?"
    assert searched_as(question, ALL) == (question, "Who is the custodian?", "Which reserve is kept?")


def test_the_lines_behind_a_term_are_searched_with_it() -> None:
    (searched,) = searched_as("What is the quick ratio?", ALL)
    assert searched.startswith("What is the quick ratio? balance sheet: cash")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("What is it?", ()),
        ("It is so. What is it?", ()),
        ("What is it? Why?", ["What is it?", "Why?"]),
        ("What is it? It is said. Why?", ["What is it?", "Why?"]),
        ("? " * 9, ["?"] * MOST_PARTS),
    ],
)
def test_a_text_has_parts_where_it_asks_several_things(text: str, parts: list[str]) -> None:
    assert list(parts_of(text)) == list(parts)


@pytest.mark.parametrize(
    ("question", "years"),
    [
        ("in 2019", [2019]),
        ("FY2019", [2019]),
        ("FY 2019", [2019]),
        ("FY19", [2019]),
        ("FY'19", [2019]),
        ("Q2 2019 and Q32020", [2019, 2020]),
        ("Q2 of FY2019", [2019]),
        ("fiscal year 2018", [2018]),
        ("2019, 2018 and 2019 again", [2019, 2018]),
        ("between 2018-2020", [2018, 2020]),
        ("12019 and 20190, $2,019", []),
        ("no year", []),
    ],
)
def test_the_years_that_a_question_names(question: str, years: list[int]) -> None:
    assert years_in(question) == years


@given(st.text(max_size=80), st.sampled_from([None, "Northwind", "Coca-Cola Company", "rules", "(Acme)", "A+B"]))
def test_any_text_is_searched_with_at_least_one_text_each_once(question: str, category: str | None) -> None:
    searched = searched_as(question, of(category))
    assert 1 <= len(searched) <= 1 + MOST_PARTS
    assert len(set(searched)) == len(searched)
