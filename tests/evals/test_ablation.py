"""The ablation on a few filings with the quick embedder: what scope does, and that every variant is reported."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.irpf.question import QUESTION
from evals.ablation import VARIANTS, ablated, everything_of
from evals.ablation_report import draw, rows_of, table
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows
from evals.golden.rules import path_of
from evals.triage_material import law_index, materials
from resources.embedder import HashEmbedder


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    of_two_years = [row for row in read_rows(FROZEN["calibration"]) if row["year"] in (2016, 2017)]
    return [row for row in of_two_years if row["format"] in ("xml", "fixed_width")][:6]


@pytest.fixture(scope="module")
def report(rows: Sequence[Row]) -> dict[str, Any]:
    return ablated(rows, {"minilm": HashEmbedder(), "hash": HashEmbedder()}, lambda _: None)


def named(report: dict[str, Any], changed: str) -> dict[str, Any]:
    return next(one for one in report["variants"] if one["changed"] == changed)


def test_without_a_year_the_law_of_another_is_found(report: dict[str, Any]) -> None:
    shipped, broad = report["variants"][0], named(report, "scope: category alone, every year")
    assert shipped["passages_out_of_scope"]["part"] == 0
    assert broad["gold_article_found"]["share"] < shipped["gold_article_found"]["share"]
    assert broad["gold_article_found"]["n"] == shipped["gold_article_found"]["n"] > 100


def test_without_a_category_the_other_filings_of_the_year_are_found_and_not_the_one_itself(rows: Sequence[Row]) -> None:
    law = law_index(HashEmbedder(), chunker_for(HashEmbedder()))
    filings = list(materials(rows, chunker_for(HashEmbedder()), "none"))
    everything = everything_of(law, filings, HashEmbedder())
    own = filings[0].row["id"]
    hits = replace(everything, leaving_out=own).search(
        QUESTION, RetrievalScope(year=filings[0].year, filer_category="legislacao"), {filings[0].year}, 30
    )
    found = {one.hit.doc_id for one in hits}
    assert path_of(filings[0].year) in found
    assert found & {one.row["id"] for one in filings if one.year == filings[0].year} == {
        one.row["id"] for one in filings if one.year == filings[0].year
    } - {own}


def test_more_hits_are_more_to_read(report: dict[str, Any]) -> None:
    tokens = [named(report, f"{hits} hits")["prompt_tokens_mean"] for hits in (2, 4, 16)]
    assert tokens == sorted(tokens)
    assert tokens[0] < tokens[-1]


def test_every_variant_is_in_table_and_picture_with_n_and_interval(report: dict[str, Any]) -> None:
    assert [row["changed"] for row in rows_of(report)] == [variant.changed for variant in VARIANTS]
    assert "n=6" in table(report)
    assert draw(report).startswith(b"\x89PNG")
