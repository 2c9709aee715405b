"""`compliance eval calibrate-judge` as it is typed: a report on a small table, and what is said of one that does not fit."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compliance_assets.cli import judge  # noqa: F401
from compliance_assets.cli.verb import compliance


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        {
            "question": f"What does fund {n} keep?",
            "answer": answer,
            "label": label,
            "evidence": f"Fund {n} keeps {n + 10}%.",
        }
        for n in range(6)
        for answer, label in ((f"{n + 10}%", "good"), (f"{n + 70}%", "bad"))
    ]
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def typed(table: Path, *options: str) -> Result:
    command = ["eval", "calibrate-judge", str(table), "--data-dir", str(table.parent / "data"), "--json", *options]
    return CliRunner(env={"COMPLIANCE_EMBEDDER": "hash"}).invoke(compliance, command)


def test_a_table_is_judged_with_labels_of_its_own(table: Path) -> None:
    done = typed(table, "--right", "good")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["scores"]["groundedness"]["overall"]
    assert (found["n"], found["auroc"]["value"]) == (12, 1.0)


def test_a_table_that_does_not_fit_is_wrong_use(table: Path) -> None:
    done = typed(table, "--answer", "reply", "--right", "good")
    assert done.exit_code == 2
    said = json.loads(done.stdout)
    assert (said["error"], said["expected"]) == ("InvalidInput", "a column 'reply'")
