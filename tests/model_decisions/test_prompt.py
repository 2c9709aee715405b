import json

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.prompt import Passage, Prompt, render, sent_back
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.retrieved import Retrieved
from tests.model_decisions.builders import item, passages

DDQ = workload_named("ddq.draft_response")


def shown(retrieved: list[Retrieved]) -> list[Passage]:
    return [Passage(r.hit.chunk_id, r.hit.doc_title, r.hit.page, "rules", r.text) for r in retrieved]


def prompt_of(question: str, *texts: str) -> Prompt:
    return render(DDQ, item(question), question, shown(passages(*texts)))


def test_a_prompt_holds_its_scope_its_question_and_one_line_for_each_passage() -> None:
    retrieved = passages("First.\nSecond line.", "Another {passage} with \u2028 in it.")
    asked = item("Is it {so}?", filer_category="Northwind", opt_in_years=(2019, 2021))
    prompt = render(DDQ, asked, asked.question, shown(retrieved))
    lines = prompt.text.removesuffix("\n").split("\n")[-2:]

    assert "the scope 2021, 2019, Northwind." in prompt.text
    assert '"Is it {so}?"' in prompt.text
    assert [json.loads(line)["text"] for line in lines] == [r.text for r in retrieved]
    assert [json.loads(line)["chunk_id"] for line in lines] == [r.hit.chunk_id for r in retrieved]


def test_the_hashes_are_of_the_text_and_of_the_template() -> None:
    prompt = prompt_of("Where?", "A passage.")

    assert prompt.prompt_hash == f"sha256:{sha256_hex(prompt.text)}"
    assert prompt.template_sha256 == sha256_hex(DDQ.template_text)
    assert (prompt.template, prompt.template_version) == ("ddq.draft_response", "1")


def test_a_prompt_that_is_sent_back_begins_as_it_was_and_says_what_was_wrong() -> None:
    prompt = prompt_of("Where?", "A passage.")
    again = sent_back(prompt, '{"decision": "…"}', ("citation 1: quote_not_found: the quote does not stand there",))

    assert again.startswith(prompt.text)
    assert json.dumps('{"decision": "…"}', ensure_ascii=False) in again
    assert "citation 1" in again
