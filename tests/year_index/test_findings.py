from dataclasses import replace

import pytest

from compliance_assets.year_index.findings import MIN_RECALL_AT_8, IndexMeasurements, findings_of
from compliance_assets.year_index.parameters import IndexParameters

FIT = IndexMeasurements(
    chunks=100,
    vectors=100,
    models=1,
    foreign_rows=0,
    recall_at_8=1.0,
    scoped_recall_at_8=1.0,
    recall_queries=48,
    parameters=IndexParameters(),
)


def test_a_fit_index_has_no_finding() -> None:
    assert findings_of(FIT) == []


def test_an_empty_year_is_fit() -> None:
    assert findings_of(replace(FIT, chunks=0, vectors=0, models=0, recall_queries=0)) == []


@pytest.mark.parametrize("vectors", [99, 101])
def test_a_vector_too_few_or_too_many_is_a_finding(vectors: int) -> None:
    assert findings_of(replace(FIT, vectors=vectors)) == [f"parity: expected 100 vectors, found {vectors}"]


def test_vectors_of_two_models_are_a_finding() -> None:
    assert findings_of(replace(FIT, models=2)) == ["models: expected vectors of one model, found 2"]


def test_a_row_of_another_year_is_a_finding() -> None:
    assert findings_of(replace(FIT, foreign_rows=1)) == ["scope: 1 rows of another year or organisation"]


def test_recall_at_the_threshold_is_fit() -> None:
    assert findings_of(replace(FIT, recall_at_8=MIN_RECALL_AT_8, scoped_recall_at_8=MIN_RECALL_AT_8)) == []


@pytest.mark.parametrize(
    ("field", "name"), [("recall_at_8", "recall@8"), ("scoped_recall_at_8", "recall@8 in a category")]
)
def test_recall_below_the_threshold_is_a_finding_with_its_n(field: str, name: str) -> None:
    found = findings_of(replace(FIT, **{field: MIN_RECALL_AT_8 - 0.0001}))

    assert found == [f"{name}: expected at least 0.98, found 0.9799 (n = 48)"]


def test_every_reason_is_named_at_once() -> None:
    bad = IndexMeasurements(10, 9, 2, 3, 0.5, 0.4, 9, IndexParameters())

    assert [finding.split(":")[0] for finding in findings_of(bad)] == [
        "parity",
        "models",
        "scope",
        "recall@8",
        "recall@8 in a category",
    ]
