import json
from pathlib import Path

import pytest

from compliance_assets.contracts.hit import RetrievalScope
from evals.retrieval_corpora import Gold, Question, abstracts, filings, regulations
from evals.retrieval_scores import Answered, Passage, gold_found, ndcg

SCOPE = RetrievalScope(year=2020)


def hit(path: str, page: int = 1, start: int = 0, end: int = 10) -> Passage:
    return Passage(path, 2020, page, start, end)


def answered(hits: list[Passage], *needs: set[Gold]) -> Answered:
    return Answered(Question("?", SCOPE, tuple(frozenset(need) for need in needs)), tuple(hits))


def test_a_page_counts_where_a_hit_lies_on_it() -> None:
    gold = {Gold("a.pdf", page=3), Gold("a.pdf", page=5)}

    assert gold_found(answered([hit("a.pdf", 5)], gold))
    assert not gold_found(answered([hit("a.pdf", 4), hit("b.pdf", 3)], gold))


def test_characters_count_where_a_hit_overlaps_them() -> None:
    gold = {Gold("a.md", start=100, end=200)}

    assert gold_found(answered([hit("a.md", start=190, end=300)], gold))
    assert not gold_found(answered([hit("a.md", start=200, end=300)], gold))


def test_a_question_of_two_parts_needs_both() -> None:
    one, other = {Gold("a.md")}, {Gold("b.md")}

    assert gold_found(answered([hit("b.md"), hit("a.md")], one, other))
    assert not gold_found(answered([hit("a.md")], one, other))


def test_gain_is_one_for_the_ideal_order_and_falls_with_the_rank() -> None:
    gold = {Gold("a.txt"), Gold("b.txt")}
    ideal = ndcg(answered([hit("a.txt"), hit("a.txt"), hit("b.txt")], gold))
    later = ndcg(answered([hit("c.txt"), hit("a.txt"), hit("d.txt")], gold))

    assert ideal == 1.0
    assert later == pytest.approx(0.6309 / (1 + 0.6309), abs=1e-3)
    assert ndcg(answered([hit("c.txt")], gold)) == 0.0


def test_filings_are_asked_with_their_evidence(tmp_path: Path) -> None:
    row = {"question": "What?", "year": 2019, "filer_category": "Acme", "evidence": [{"path": "a.pdf", "page": 2}]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row))

    (question,) = filings(tmp_path).tasks["filings"]

    assert question.scope == RetrievalScope(year=2019, filer_category="Acme")
    assert question.needs == (frozenset({Gold("a.pdf", page=2)}),)


def test_acts_lose_their_headings_and_keep_their_articles(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "md").mkdir(parents=True)
    (source / "md" / "act.md").write_text(
        "# Act\n\n## Article 1 - Scope\nThis applies.\n## Article 2 - Terms\n'x' means y.\n"
    )
    (source / "documents.jsonl").write_text(
        json.dumps({"doc": "md/act.md", "json": "json/act.json", "year": 2020, "category": "c", "title": "Act"})
    )
    asked = {"query": "What is x?", "regulation": "act", "year": 2020, "category": "c", "gold_article": "2"}
    for kind in ("definitions", "titles"):
        (source / f"queries_{kind}.jsonl").write_text(json.dumps(asked))

    corpus = regulations(source, tmp_path / "acts")
    text = (tmp_path / "acts" / "act.md").read_text()
    (gold,) = corpus.tasks["definitions"][0].needs[0]

    assert "#" not in text
    assert text[gold.start : gold.end] == "'x' means y.\n"


def test_claims_are_graded_by_their_abstracts(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text(json.dumps({"_id": "7", "title": "A title", "text": "An abstract."}))
    (tmp_path / "queries_dev.jsonl").write_text(json.dumps({"_id": "1", "text": "A claim."}))
    (tmp_path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n1\t7\t1\n")

    corpus = abstracts(tmp_path, tmp_path / "out")

    assert (tmp_path / "out" / "7.txt").read_text() == "An abstract."
    assert corpus.tasks["claims"][0].needs == (frozenset({Gold("7.txt")}),)
