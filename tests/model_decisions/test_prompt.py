import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.prompt import (
    Fitted,
    Passage,
    Prompt,
    render,
    render_within,
    sent_back,
    tokens_at_most,
)
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.retrieved import Retrieved
from evals.golden.rules import rules_of
from resources.embedder import embedder_from
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


# ── a limit of tokens ────────────────────────────────────────────────────────────────────────────────────────────────


def within(max_tokens: int | None, *texts: str, filings: int = 0) -> Fitted:
    """The fitted prompt of a question, or of a filing of which the first so many passages are."""
    parts = ["filing"] * filings + ["rules"] * (len(texts) - filings)
    hits = [
        Passage(p.chunk_id, p.title, p.page, part, p.text)  # type: ignore[arg-type]
        for p, part in zip(shown(passages(*texts)), parts, strict=True)
    ]
    asked = item("Where?", document_id="doc_1" if filings else None)
    return render_within(DDQ, asked, asked.question, hits, max_tokens)


TEXTS = ("The nearest passage.", "One that is less near.", "The farthest of all of them.")


def tokens(fitted: Fitted) -> int:
    return tokens_at_most(fitted.prompt.text)


def test_without_a_limit_every_passage_stands_in_the_prompt() -> None:
    assert within(None, *TEXTS) == Fitted(prompt_of("Where?", *TEXTS), 3)


def test_what_does_not_fit_is_left_out_from_the_least_similar_upward() -> None:
    full = tokens(within(None, *TEXTS))
    assert within(full, *TEXTS).shown == 3
    two = within(full - 1, *TEXTS)
    assert (two.shown, two.prompt) == (2, prompt_of("Where?", *TEXTS[:2]))
    assert within(tokens(two) - 1, *TEXTS).prompt == prompt_of("Where?", TEXTS[0])


def test_a_document_is_never_cut_and_a_question_keeps_its_nearest_passage() -> None:
    least = within(None, *TEXTS[:2], filings=2)
    assert within(tokens(least), *TEXTS, filings=2).shown == 2
    cut = within(tokens(least) - 1, *TEXTS, filings=2)
    assert (cut.shown, cut.prompt.text) == (0, "")
    assert cut.too_long == tokens(least)
    assert within(1, *TEXTS).too_long is not None


@given(st.lists(st.text(max_size=60), max_size=8), st.integers(1, 2_000))
def test_a_prompt_that_was_fitted_fits(texts: list[str], max_tokens: int) -> None:
    fitted = within(max_tokens, *texts)
    assert tokens(fitted) <= max_tokens or (fitted.too_long or 0) > max_tokens
    if fitted.too_long is None:
        assert fitted.prompt == prompt_of("Where?", *texts[: fitted.shown])


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("the", 2), ("the bank", 5), ("rendimentos", 6), ("12,50", 5), ("ação", 6), ("\n\n", 2), ("資産", 6)],
)
def test_letters_count_in_pairs_and_all_else_by_its_bytes(text: str, count: int) -> None:
    assert tokens_at_most(text) == count


def test_the_estimate_is_above_what_a_tokenizer_makes_of_words() -> None:
    """Of Portuguese, by a tokenizer that was made for English: as many pieces as any makes."""
    for text in (rules_of(2022), DDQ.template_text):
        (spans,) = embedder_from("minilm").token_spans([text])
        assert len(spans) <= tokens_at_most(text) <= 3 * len(spans)
