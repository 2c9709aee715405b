import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.filings.law import known_years
from evals.golden.rules import path_of, rule_questions, rules_of


@pytest.mark.parametrize("year", known_years())
def test_the_rules_of_a_year_hold_the_answers_of_its_questions(year: int) -> None:
    rules = " ".join(rules_of(year).split())
    for row in rule_questions([year]):
        assert str(row["answer"]) in rules
        assert row["evidence"] == [{"path": path_of(year), "page": 1}]


def test_another_years_rules_are_wrong_where_the_law_changed() -> None:
    answers = {row["id"]: str(row["answer"]) for row in rule_questions(known_years())}
    assert answers["parcela-275-2024"] == "R$ 10.740,98"
    assert answers["parcela-275-2024"] not in rules_of(2023)
    deadlines = [answers[f"prazo-{year}"] for year in known_years()]
    assert len(set(deadlines)) == len(deadlines)


def test_each_year_has_a_document_of_its_own() -> None:
    assert len({rules_of(year) for year in known_years()}) == len({path_of(year) for year in known_years()}) == 11


def test_there_are_no_rules_of_a_year_whose_law_is_not_known() -> None:
    with pytest.raises(InvalidInput):
        rules_of(2014)
