from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.model_decisions.irpf.law import Rule, read_law
from compliance_assets.model_decisions.irpf.passages import Passage
from compliance_assets.normalised_documents.filings.law import cents, known_years, law_of
from evals.golden.rules import rules_of
from tests.model_decisions.irpf.triaged import chunks_of


def passages(year: int) -> list[Passage]:
    return [Passage(chunk.chunk_id, chunk.text) for chunk in chunks_of(rules_of(year))]


@pytest.mark.parametrize("year", known_years())
def test_every_rule_of_a_year_is_read_with_its_article(year: int) -> None:
    law, true = read_law(passages(year)), law_of(year)

    assert set(law.articles) == set(Rule)
    assert law.numbers[Rule.DEPENDANT] == (true.dependant,)
    assert law.numbers[Rule.EDUCATION] == (true.education_cap,)
    assert law.numbers[Rule.SIMPLIFIED] == (true.simplified_share * 100, true.simplified_cap)
    assert law.numbers[Rule.PRIVATE_PENSION] == (true.private_pension_share * 100,)
    texts = {passage.chunk_id: passage.text for passage in passages(year)}
    assert all(texts[quote.chunk_id].count(quote.text) == 1 for quote in law.articles.values())
    assert all(quote.text.startswith("Art. ") for quote in law.articles.values())


@given(st.sampled_from(known_years()), st.decimals(0, 1_000_000, places=2))
def test_the_tax_is_that_of_the_table(year: int, base: Decimal) -> None:
    tax = read_law(passages(year)).tax(base)

    assert tax is not None
    assert cents(tax) == cents(law_of(year).tax(base))


def test_the_first_passage_that_states_a_rule_counts() -> None:
    law = read_law([*passages(2015), *passages(2025)])

    assert law.tax(Decimal(30_000)) == law_of(2015).tax(Decimal(30_000))


def test_half_a_table_is_none() -> None:
    cut = rules_of(2024).partition("| até R$ 45.012,60")[0]

    assert read_law([Passage("ck", cut)]).tax(Decimal(30_000)) is None
