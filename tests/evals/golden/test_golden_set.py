"""The frozen sets: they come out again to the byte, hold what they promise, and their truth is true."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.normalised_documents import fixed_width, xml
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.law import known_years, law_of
from compliance_assets.normalised_documents.filings.values import canonical, is_valid_taxpayer_id
from compliance_assets.normalised_documents.parsed import Outcome, Parsed
from evals.golden.declaration import Anomaly
from evals.golden.generate import FROZEN, fresh_rows
from evals.golden.golden_set import FORMATS, lines_of, plan_of, read_rows, render_row
from evals.golden.plans import SetName, plans_of, years_of

LARGEST_FILE = 1_500_000
SETS: dict[SetName, int] = {"golden": 500, "calibration": 200, "hard": 150}
A_FEW_OF_EACH_FORMAT = """
import hashlib
from evals.golden.golden_set import row_of, lines_of
from evals.golden.plans import plans_of
print(hashlib.sha256(lines_of(row_of(plan) for plan in plans_of("golden")[::23]).encode()).hexdigest())
"""
EVERY_SET = pytest.mark.parametrize("name", SETS)


@cache
def rows_of(name: SetName) -> list[dict[str, Any]]:
    return read_rows(FROZEN[name])


@EVERY_SET
def test_every_row_makes_its_document_again_to_the_byte(name: SetName) -> None:
    assert lines_of(fresh_rows(name)) == FROZEN[name].read_text(encoding="utf-8")


def test_processes_with_different_hash_seeds_make_the_same_documents() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", A_FEW_OF_EACH_FORMAT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_a_row_alone_is_enough_to_make_its_document() -> None:
    row = rows_of("golden")[150]
    rendered = render_row(row)
    assert hashlib.sha256(rendered.data).hexdigest() == row["sha256"]
    assert hashlib.sha256(rendered.text.encode()).hexdigest() == row["text_sha256"]


@EVERY_SET
def test_a_set_has_as_many_filings_as_promised_each_once(name: SetName) -> None:
    rows = rows_of(name)
    assert len(rows) == SETS[name]
    for key in ("id", "seed", "path", "sha256"):
        assert len({row[key] for row in rows}) == len(rows)
    assert FROZEN[name].stat().st_size < LARGEST_FILE


def test_no_filing_of_one_set_is_in_another() -> None:
    seeds = Counter(row["seed"] for name in SETS for row in rows_of(name))
    assert max(seeds.values()) == 1


def test_the_golden_set_has_every_format_with_each_of_its_years_in_both_categories_and_return_types() -> None:
    rows = rows_of("golden")
    assert Counter(row["format"] for row in rows) == dict.fromkeys(FORMATS, 100)
    strata = {(row["format"], row["year"], row["category"]) for row in rows}
    wanted = {(kind, y, c) for kind in FORMATS for y in years_of(kind) for c in ("completa", "simplificada")}
    assert strata == wanted
    assert {row["year"] for row in rows} == set(known_years())
    assert {(row["format"], row["return_type"]) for row in rows} == {
        (kind, return_type) for kind in FORMATS for return_type in ("original", "retificadora")
    }


def test_about_a_quarter_of_the_golden_set_is_anomalous_and_every_kind_is_there_at_least_ten_times() -> None:
    counts = Counter(anomaly for row in rows_of("golden") for anomaly in row["anomalies"])
    assert set(counts) == set(Anomaly)
    assert min(counts.values()) >= 10
    assert 0.2 <= counts.total() / 500 <= 0.3


def test_the_hard_set_has_layouts_that_the_locator_map_does_not_know_and_mails_that_leave_something_out() -> None:
    rows = rows_of("hard")
    assert sum(row["layout"].startswith("hard-") for row in rows) >= 40
    assert sum(row["variant"].startswith("hard-") for row in rows) == 45
    lacking = [row for row in rows if "-without-" in row["variant"]]
    assert len(lacking) >= 15
    for row in lacking:
        assert row["variant"].partition("-without-")[2] not in row["fields"]
        assert not row["anomalies"]


@EVERY_SET
def test_a_path_tells_nothing_about_the_taxpayer(name: SetName) -> None:
    for row in rows_of(name):
        assert Path(row["path"]).stem == row["id"]
        assert not any(field["value"] in row["path"] for field in row["fields"].values() if len(field["value"]) == 11)


@EVERY_SET
def test_the_truth_is_what_is_printed(name: SetName) -> None:
    for row in rows_of(name):
        for key, field in row["fields"].items():
            kind = kind_of(Field(key.partition("[")[0]))
            assert field["end"] > field["start"]
            if kind is Kind.AMOUNT and row["format"] == "fixed_width":
                assert int(field["printed"]) == Decimal(field["value"]) * 100
            elif kind in (Kind.AMOUNT, Kind.CPF, Kind.TEXT) and row["format"] != "xml":
                assert canonical(kind, field["printed"]) == field["value"], (row["id"], key)


@EVERY_SET
def test_the_truth_closes_by_the_law_where_there_is_no_anomaly(name: SetName) -> None:
    for row in rows_of(name):
        if not row["anomalies"] and "-without-" not in row["variant"]:
            law, value = law_of(row["year"]), _amounts(row)
            assert value[Field.TAX_DUE] == law.tax_due(value[Field.TAX_BASE])
            assert value[Field.TAX_REFUND] <= value[Field.TAX_WITHHELD]
            if Field.TAX_PAID in value:
                balance = value[Field.TAX_DUE] - value[Field.TAX_PAID]
                assert balance == value[Field.TAX_TO_PAY] - value[Field.TAX_REFUND]
            taken = Field.TOTAL_DEDUCTIONS if row["category"] == "completa" else Field.SIMPLIFIED_DISCOUNT
            if taken in value:
                assert value[Field.TAX_BASE] == max(value[Field.TAXABLE_INCOME] - value[taken], Decimal(0))
            ids = [f["value"] for k, f in row["fields"].items() if k.startswith(("taxpayer_id", "dependant_id["))]
            assert len(set(ids)) == len(ids)
            assert all(map(is_valid_taxpayer_id, ids))


@EVERY_SET
def test_an_anomaly_shows_in_what_the_document_states(name: SetName) -> None:
    for row in rows_of(name):
        for anomaly in row["anomalies"]:
            assert _shows(Anomaly(anomaly), row), row["id"]


def test_a_row_and_its_plan_are_the_same() -> None:
    assert [plan_of(row) for row in rows_of("golden")] == plans_of("golden")


@pytest.mark.parametrize(("kind", "parse"), [("xml", xml.parse), ("fixed_width", fixed_width.parse)])
def test_a_row_names_the_layout_that_the_locator_map_reads_it_by(kind: str, parse: Callable[[bytes], Outcome]) -> None:
    for row in rows_of("golden"):
        if row["format"] == kind:
            outcome = parse(render_row(row).data)
            assert isinstance(outcome, Parsed)
            assert outcome.filing is not None
            assert outcome.filing.layout == row["layout"]


def _amounts(row: dict[str, Any]) -> dict[Field, Decimal]:
    return {
        Field(key): Decimal(field["value"])
        for key, field in row["fields"].items()
        if "[" not in key and kind_of(Field(key)) is Kind.AMOUNT
    }


def _shows(anomaly: Anomaly, row: dict[str, Any]) -> bool:
    fields, law, value = row["fields"], law_of(row["year"]), _amounts(row)
    ids = [f["value"] for k, f in fields.items() if k.startswith(("taxpayer_id", "dependant_id[", "payer_id["))]
    match anomaly:
        case Anomaly.DEPENDANT_TWICE | Anomaly.IMPOSSIBLE_CHECK_DIGIT:
            return len(set(ids)) < len(ids) or not all(map(is_valid_taxpayer_id, ids))
        case Anomaly.WITHHOLDING_WITHOUT_EMPLOYER:
            return "payer_id[1]" not in fields and value[Field.TAX_WITHHELD] > 0
        case Anomaly.RETIFICADORA_WITHOUT_RECEIPT:
            return row["return_type"] == "retificadora" and Field.CORRECTED_RECEIPT not in fields
        case Anomaly.REFUND_ABOVE_WITHHELD:
            return value[Field.TAX_REFUND] > value[Field.TAX_WITHHELD]
        case Anomaly.WRONG_YEAR_TABLE:
            return value[Field.TAX_DUE] != law.tax_due(value[Field.TAX_BASE])
        case Anomaly.DEDUCTION_ABOVE_CAP:
            income = value[Field.TAXABLE_INCOME]
            if row["category"] == "simplificada":
                return value[Field.SIMPLIFIED_DISCOUNT] > law.simplified_cap
            persons = 1 + int(fields[Field.DEPENDANTS]["value"])
            return (
                value[Field.EDUCATION] > law.education_cap * persons
                or value[Field.PRIVATE_PENSION] > income * law.private_pension_share
            )
        case Anomaly.ARITHMETIC:
            taken = Field.TOTAL_DEDUCTIONS if row["category"] == "completa" else Field.SIMPLIFIED_DISCOUNT
            paid = value.get(Field.TAX_PAID, value[Field.TAX_WITHHELD])
            balance = value[Field.TAX_TO_PAY] - value[Field.TAX_REFUND]
            base = max(value[Field.TAXABLE_INCOME] - value[taken], Decimal(0))
            return value[Field.TAX_BASE] != base or balance != value[Field.TAX_DUE] - paid
