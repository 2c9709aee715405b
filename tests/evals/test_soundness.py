"""Each way in which a frozen set can be wrong is noticed and named."""

from typing import Any

import pytest

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden import soundness
from evals.golden.declaration import Anomaly
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows


@pytest.fixture(scope="module")
def golden() -> list[dict[str, Any]]:
    return read_rows(FROZEN["golden"])


def with_value(row: dict[str, Any], key: str, value: str) -> dict[str, Any]:
    """The row, its truth stating something else."""
    return {**row, "fields": {**row["fields"], key: {**row["fields"][key], "value": value}}}


def test_a_document_that_does_not_come_out_again_is_named(golden: list[dict[str, Any]]) -> None:
    kept, other_bytes, other_text = [row for row in golden if row["format"] == "email"][:3]
    rows = [kept, {**other_bytes, "sha256": "0" * 64}, {**other_text, "text_sha256": "0" * 64}]

    assert soundness.unreproduced(rows) == [other_bytes["id"], other_text["id"]]


def test_the_golden_set_has_enough_of_everything(golden: list[dict[str, Any]]) -> None:
    assert soundness.unfilled_strata(golden) == []


def test_a_cell_without_filings_is_named_with_what_it_lacks(golden: list[dict[str, Any]]) -> None:
    cell = ("scan", "completa", "retificadora")
    rest = [row for row in golden if (row["format"], row["category"], row["return_type"]) != cell]

    assert f"{', '.join(cell)}: 0, at least 5" in soundness.unfilled_strata(rest)


def test_a_year_without_filings_is_named(golden: list[dict[str, Any]]) -> None:
    rest = [row for row in golden if row["year"] != 2019]

    assert "year 2019: 0, at least 5" in soundness.unfilled_strata(rest)


@pytest.mark.parametrize("anomaly", Anomaly)
def test_an_anomaly_with_too_few_filings_is_named(golden: list[dict[str, Any]], anomaly: Anomaly) -> None:
    having = [row for row in golden if anomaly in row["anomalies"]]
    few = [row for row in golden if anomaly not in row["anomalies"]] + having[:9]

    assert f"anomaly {anomaly}: 9, at least 10" in soundness.unfilled_strata(few)


def test_the_truth_of_the_golden_set_contradicts_itself_nowhere(golden: list[dict[str, Any]]) -> None:
    assert list(soundness.contradictions(golden)) == []


def test_an_amount_that_was_changed_in_the_truth_is_noticed(golden: list[dict[str, Any]]) -> None:
    row = next(row for row in golden if not row["anomalies"] and "tax_due" in row["fields"])

    (said,) = soundness.contradictions([row, with_value(row, "tax_due", "0.01")])

    assert said.startswith(f"{row['id']}: no anomaly; breaks ")


@pytest.mark.parametrize("anomaly", Anomaly)
def test_an_anomaly_that_the_row_does_not_own_up_to_is_noticed(golden: list[dict[str, Any]], anomaly: Anomaly) -> None:
    row = next(row for row in golden if anomaly in row["anomalies"])

    (said,) = soundness.contradictions([{**row, "anomalies": []}])

    assert said.startswith(f"{row['id']}: no anomaly; breaks ")


def test_an_anomaly_that_no_rule_sees_is_noticed(golden: list[dict[str, Any]]) -> None:
    row = next(row for row in golden if not row["anomalies"])

    (said,) = soundness.contradictions([{**row, "anomalies": ["arithmetic_does_not_close"]}])

    assert said == f"{row['id']}: arithmetic_does_not_close; breaks no rule"


def test_the_truth_of_a_row_is_a_filing_with_its_repeated_fields_counted(golden: list[dict[str, Any]]) -> None:
    row = golden[0]
    filing = soundness.truth_of(row)

    assert filing.layout == row["layout"]
    assert {located.key: located.value for located in filing.fields} == {
        k: f["value"] for k, f in row["fields"].items()
    }
    assert filing.values(Field.DEPENDANT_ID) == tuple(row["fields"][f"dependant_id[{n}]"]["value"] for n in (1, 2, 3))
    assert all(located.start < located.end for located in filing.fields)
