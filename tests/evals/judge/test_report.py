"""The whole way from a table to a report and a picture, with the quick embedder."""

import json
from pathlib import Path

import pytest

from compliance_assets.model_decisions.workloads import workload_named
from evals.calibrate_judge import calibrate
from evals.judge.report import draw, tables
from evals.judge.table import Columns
from resources.embedder import HashEmbedder
from tests.conftest import SHARED

TABLE = SHARED / "financebench" / "human_labelled_model_answers.jsonl"


def written(folder: Path) -> Path:
    """Twelve questions, each answered once from its evidence and once from nowhere."""
    rows = []
    for n in range(12):
        evidence = f"The fund number {n} keeps liquidity of {n + 10} percent in segregated accounts."
        asked = {"id": n, "question": f"What does fund {n} keep?", "evidence": evidence}
        rows.append(
            {**asked, "system": "honest", "answer": f"It keeps liquidity of {n + 10} percent.", "label": "correct"}
        )
        rows.append({**asked, "system": "other", "answer": f"It invests {n + 70} millions abroad.", "label": "wrong"})
    path = folder / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_an_agreement_is_reported_overall_and_by_system(tmp_path: Path) -> None:
    report, scored = calibrate(written(tmp_path), Columns(), None, HashEmbedder(), workload_named("ddq.draft_response"))

    found = report["scores"]["groundedness"]["overall"]
    assert (found["n"], found["right"], found["auroc"]["value"]) == (24, 12, 1.0)
    at = found["at_the_workloads_threshold"]
    assert (at["thresholds"], at["wrong_held"], at["kappa"]["value"]) == ([0.25], 12, 1.0)
    assert report["scores"]["groundedness"]["by_system"]["honest"]["auroc"]["value"] is None, "it is never wrong"
    assert report["labels"] == {"right": 12, "wrong": 12, "abstained": 0}

    assert "24 answers to 12 questions" in tables(report)
    draw(report, scored, tmp_path / "judge.png")
    assert (tmp_path / "judge.png").read_bytes().startswith(b"\x89PNG")
    assert "liquidity" not in json.dumps(report), "a report holds no answer"


@pytest.mark.skipif(not TABLE.is_file(), reason=f"{TABLE} is not there")
def test_the_public_table_finds_the_evidence_of_every_row() -> None:
    from evals.judge.table import read_table

    rows = read_table(TABLE, Columns(), TABLE.with_name("questions.jsonl"))
    assert (len(rows), len({row.system for row in rows}), len({row.question_id for row in rows})) == (864, 16, 54)
    assert all(row.evidence and all(len(text) > 100 for text in row.evidence) for row in rows)
