"""The model reads filings whose persons are hidden behind pseudonyms of the same length."""

import pytest

from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.model_decisions.irpf.stated import same_person
from evals.golden.declaration import Anomaly
from evals.golden.golden_set import Plan
from evals.golden.rules import rules_of
from tests.model_decisions.irpf.triaged import answer_to, kinds, passages_of, plan, prompt_of, text_of


def hidden_prompt(filing: Plan) -> str:
    text = text_of(filing)
    redactor = Redactor(b"0123456789abcdef", known=[s.removeprefix("cpf:") for s in data_subjects_in(text)])
    return prompt_of(text, [rules_of(filing.year)], lambda chunk: redactor.redact(chunk).text)


@pytest.mark.parametrize("kind", ["pdf", "xml", "fixed_width", "email"])
def test_amounts_years_and_type_are_read_all_the_same(kind: str) -> None:
    filing = plan(kind, 2022)
    clear = answer_to(prompt_of(text_of(filing), [rules_of(2022)]))
    hidden = answer_to(hidden_prompt(filing))

    assert [field.name for field in hidden.fields] == [field.name for field in clear.fields]
    persons = ("taxpayer_id", "name", "payer_id", "dependant_id")
    assert [f.value for f in hidden.fields if not f.name.startswith(persons)] == [
        f.value for f in clear.fields if not f.name.startswith(persons)
    ]
    assert next(f.value for f in hidden.fields if f.name == "taxpayer_id").startswith("CPF_")


@pytest.mark.parametrize("kind", ["pdf", "xml", "fixed_width"])
@pytest.mark.parametrize("anomaly", [Anomaly.DEPENDANT_TWICE, Anomaly.IMPOSSIBLE_CHECK_DIGIT])
def test_anomalies_about_persons_are_found_behind_pseudonyms(kind: str, anomaly: Anomaly) -> None:
    assert kinds(answer_to(hidden_prompt(plan(kind, 2022, anomaly)))) == {anomaly.value}


@pytest.mark.parametrize("kind", ["pdf", "xml", "fixed_width", "email"])
def test_no_quote_cuts_a_pseudonym(kind: str) -> None:
    prompt = hidden_prompt(plan(kind, 2022))
    texts = passages_of(prompt)

    for cited in answer_to(prompt).citations:
        assert texts[cited.chunk_id].count(cited.quote) == 1
        start = texts[cited.chunk_id].index(cited.quote)
        before, after = texts[cited.chunk_id][:start], texts[cited.chunk_id][start + len(cited.quote) :]
        assert not before.endswith(("CPF_", "CNPJ_"))
        assert not (cited.quote.endswith(("CPF_", "CNPJ_")) and after)


def test_one_person_is_the_same_at_any_length() -> None:
    assert same_person("CPF_K3F2A7M4XQ", "CPF_K3F2A7M")
    assert not same_person("CPF_K3F2A7M4XQ", "CPF_K3F2B7M")
    assert not same_person("CPF_K3F2A7M4XQ", "12345678909")


def test_one_short_pseudonym_is_one_person() -> None:
    """A place with room for fewer characters of a code than two pseudonyms have to share."""
    assert same_person("CPF_K3F2", "CPF_K3F2")
    assert not same_person("CPF_K3F2", "CPF_K3F2A7M4XQ"), "four characters of a code say too little"
