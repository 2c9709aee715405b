"""A line that says nothing changes nothing, wherever whoever writes a document puts it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.model_decisions.answer import ModelAnswer
from compliance_assets.model_decisions.irpf.law import Rule, read_law
from compliance_assets.model_decisions.irpf.passages import Passage, joined
from compliance_assets.model_decisions.irpf.stated import value_of
from compliance_assets.normalised_documents.filings.fields import Kind
from evals.golden.rules import rules_of
from tests.model_decisions.irpf.triaged import answer_to, chunks_of, plan, prompt_of, text_of

SAY_NOTHING = [
    "This page was left blank.",
    "APP_SETTINGS = LOAD_CONFIG",
    "Server 10.20.30.40",  # with more digits it might be a row of a table that cannot be read
    "IP_ABCDEFGHIJK MAIL_ABCDEFGHIJ URL_ABCDEFGHIJKL",
    "for i in range(10): print(i, os.environ['HOME_DIRECTORY'])",
]
TEXTS = {year: text_of(plan("pdf", year)) for year in (2016, 2018, 2019, 2022, 2024)}  # a year of each layout


def planted(text: str, line: str, at: int) -> str:
    lines = text.split("\n")
    return "\n".join([*lines[:at], line, *lines[at:]])


def told(text: str, year: int) -> tuple[object, ...]:
    answer: ModelAnswer = answer_to(prompt_of(text, [rules_of(year)]))
    fields = sorted((field.name, field.value) for field in answer.fields)
    return answer.decision, fields, sorted(anomaly.kind for anomaly in answer.anomalies)


CLEAN = {year: told(text, year) for year, text in TEXTS.items()}


@settings(max_examples=60)
@given(year=st.sampled_from(sorted(TEXTS)), line=st.sampled_from(SAY_NOTHING), data=st.data())
def test_of_a_printed_return_the_same_is_read(year: int, line: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, TEXTS[year].count("\n") + 1))
    assert told(planted(TEXTS[year], line, at), year) == CLEAN[year]


def test_values_below_a_line_between_are_cited_without_it() -> None:
    labels = "Base de cálculo do imposto Imposto devido Imposto retido na fonte"
    at = TEXTS[2019].split("\n").index(labels) + 1
    answer = answer_to(prompt_of(planted(TEXTS[2019], SAY_NOTHING[0], at), [rules_of(2019)]))

    assert not any(SAY_NOTHING[0] in citation.quote for citation in answer.citations)


@pytest.mark.parametrize("text", ["MAIN_WINDOW", "APP_SETTIN", "IP_ABCDEFGH", "MAIL_ABCDEFG", "NAME_ABCDEFG"])
@pytest.mark.parametrize("kind", [Kind.CPF, Kind.CPF_OR_CNPJ, Kind.RECEIPT])
def test_only_what_hides_a_number_stands_for_one(text: str, kind: Kind) -> None:
    assert value_of(kind, text) is None
    assert value_of(kind, "CPF_ABCDEFG") == "CPF_ABCDEFG"


@given(st.integers(0, 3))
def test_what_is_quoted_does_not_hang_on_where_windows_begin(cut: int) -> None:
    text = "Name: ANNA LIMA\nKept: 1\nSigned by: ANNA LIMA\n" + "The rest says nothing. " * 3
    ends = [16, 24, 46, len(text)]
    windows = joined([Passage("a", text[: ends[cut]]), Passage("b", text[ends[cut] :])])
    found = windows.quote(text.index("ANNA"), text.index("ANNA") + 9)

    assert found is not None
    assert found.text == "Name: ANNA LIMA"


def test_an_article_is_quoted_up_to_the_end_of_what_it_states() -> None:
    law = "\n".join(
        f"{line}\nThis line says nothing." if line.endswith((".", "|")) else line for line in rules_of(2019).split("\n")
    )
    plain, disturbed = (read_law([Passage(c.chunk_id, c.text) for c in chunks_of(t)]) for t in (rules_of(2019), law))

    torn = {Rule.TABLE, Rule.REFUND, Rule.ONCE}  # they go on behind a line that ends
    for rule in set(Rule) - torn:
        assert disturbed.articles[rule].text == plain.articles[rule].text
