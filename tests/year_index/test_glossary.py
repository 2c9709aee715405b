import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.year_index.glossary import _TERMS, lines_behind


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("What is the FY2019 quick ratio?", "current liabilities"),
        ("What was the COGS of the year?", "cost of sales"),
        ("How much was spent on capex?", "purchases of property, plant and equipment"),
        ("How high are the SG&A expenses?", "selling, general and administrative"),
        ("What is the PP&E?", "property, plant and equipment, net"),
        ("What is the PPNE?", "property, plant and equipment, net"),
        ("What is the net PPE?", "property, plant and equipment, net"),
        ("What is the unadjusted EBITDA?", "depreciation and amortization"),
        ("Qual foi a margem líquida?", "lucro líquido"),
        ("Qual é o LAJIDA?", "depreciação e amortização"),
    ],
)
def test_a_term_brings_the_lines_that_it_rests_on(question: str, line: str) -> None:
    assert any(line in lines for lines in lines_behind(question))


@pytest.mark.parametrize("question", ["", "Who is the custodian?", "Quando vence o prazo?"])
def test_a_question_without_a_term_brings_none(question: str) -> None:
    assert lines_behind(question) == []


@pytest.mark.parametrize(
    "question",
    [
        "The debit was paid.",
        "Its steps are known.",
        "A broad look",
        "Indebtedness",
        "Ebitdas",
        "a capexes",
        "zfcf",
        "dios",
    ],
)
def test_no_pattern_fires_inside_a_word(question: str) -> None:
    assert lines_behind(question) == []


@given(
    st.sampled_from([pattern for pattern, _ in _TERMS]).flatmap(lambda p: st.from_regex(re.compile(p), fullmatch=True))
)
def test_a_term_is_found_alone_and_not_as_a_part_of_a_word(term: str) -> None:
    alone = lines_behind(f"The {term}, please")
    assert alone
    assert set(lines_behind(f"x{term}x")) < set(alone) or not lines_behind(f"x{term}x")


def test_lines_come_in_the_order_of_the_glossary_each_once() -> None:
    both = lines_behind("capex and COGS, COGS and capex")
    assert both == lines_behind("COGS") + lines_behind("capex")
