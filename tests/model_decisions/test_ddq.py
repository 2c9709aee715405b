"""A questionnaire in one go: every question decided once, every answer with its quote, in the order of the questions."""

import csv
import dataclasses
import io
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

import compliance_assets.cli.corpus  # noqa: F401 - registers the verbs
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.cli.verb import compliance
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.replay import replay_all
from compliance_assets.model_decisions.ddq import DdqReport, answer_questionnaire
from evals.golden.rules import CATEGORY, rule_questions, rules_of
from jobs.ddq_batch import ddq_batch
from tests.model_decisions.builders import Only, Scripted
from tests.small_corpus import SmallCorpus

YEARS = (2022, 2023)
ROWS = rule_questions(YEARS)


@pytest.fixture
def firm(deployment: Deployment) -> Deployment:
    """The law of two years, indexed."""
    corpus = SmallCorpus(deployment)
    for year in YEARS:
        corpus.add(year, rules_of(year), CATEGORY)
        corpus.build(year)
    return deployment


def written(folder: Path, rows: list[dict[str, Any]], name: str = "due-diligence.csv") -> Path:
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, ["id", "question", "year", "filer_category"], extrasaction="ignore")
    table.writeheader()
    table.writerows(rows)
    path = folder / name
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def answer(firm: Deployment, path: Path, model: Scripted | None = None, **asked: Any) -> DdqReport:
    desk = firm.desk if model is None else dataclasses.replace(firm.desk, models=Only(model))
    return answer_questionnaire(desk, firm.checkpoint_log, firm.settings.years, path, **asked)


def answers(path: str | Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8-sig"), newline="")))


def decisions(firm: Deployment) -> int:
    with firm.postgres.connect() as conn:
        return sum(entry.kind == "decision" for entry in ledger.entries(conn))


def test_every_question_is_answered_with_its_quotes_in_the_order_of_the_questions(
    firm: Deployment, tmp_path: Path
) -> None:
    path = written(tmp_path, ROWS)
    report = answer(firm, path)
    rows = answers(report.answers)

    assert (report.batch, report.questions, report.decided_now) == ("due-diligence", len(ROWS), len(ROWS))
    assert [row["id"] for row in rows] == [row["id"] for row in ROWS]
    assert sum(report.statuses.values()) == len(ROWS)
    for row in rows:
        assert (row["status"] == "decided") == (row["reason"] == "")
        assert ("page 1: “" in row["citations"]) == bool(row["answer"])
    assert sum(row["status"] == "decided" for row in rows) >= len(ROWS) // 2
    assert stat.S_IMODE(Path(report.answers).stat().st_mode) == 0o600
    assert Path(report.answers) == tmp_path / "due-diligence.answers.csv"
    with firm.postgres.connect() as conn:
        contents = ledger.contents(conn, firm.keyring, [e for e in ledger.entries(conn) if e.kind == "decision"])
    asked: list[Mapping[str, Any]] = [c.as_json()["input"] for c in contents.values() if c]  # type: ignore[misc]
    assert {one["batch"] for one in asked} == {"due-diligence"}
    assert replay_all(firm.archive).equal


def test_the_same_questionnaire_again_decides_nothing_and_gives_the_same_file(firm: Deployment, tmp_path: Path) -> None:
    path = written(tmp_path, ROWS)
    first = answer(firm, path)
    content, made = Path(first.answers).read_bytes(), decisions(firm)
    again = answer(firm, path)

    assert (again.decided_now, decisions(firm)) == (0, made)
    assert Path(again.answers).read_bytes() == content
    assert again.statuses == first.statuses


def test_a_corrected_question_is_one_decision_more(firm: Deployment, tmp_path: Path) -> None:
    answer(firm, written(tmp_path, ROWS))
    corrected = [{**ROWS[0], "question": "Até que base de cálculo não há imposto em 2022?"}, *ROWS[1:]]
    assert answer(firm, written(tmp_path, corrected)).decided_now == 1


def test_questions_without_year_and_category_take_those_of_the_call(firm: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "law.txt"
    path.write_text("\n".join(str(row["question"]) for row in ROWS[:3]))
    report = answer(firm, path, year=2022, filer_category=CATEGORY)

    assert {(row["year"], row["filer_category"]) for row in answers(report.answers)} == {("2022", CATEGORY)}
    assert report.decided_now == 3


def test_what_no_model_answers_stays_queued_and_is_answered_the_next_time(firm: Deployment, tmp_path: Path) -> None:
    path = written(tmp_path, ROWS[:4])
    away = Scripted({"parcela a deduzir da faixa de 27,5%": None})
    report = answer(firm, path, away)
    waiting = [row for row in answers(report.answers) if row["status"] == "queued"]

    assert (report.statuses["queued"], report.decided_now) == (1, 3)
    assert [row["id"] for row in waiting] == ["parcela-275-2022"]
    assert "the model is away" in waiting[0]["reason"]
    assert (waiting[0]["answer"], waiting[0]["response_id"]) == ("", "")

    later = answer(firm, path)
    assert (later.decided_now, later.statuses.get("queued")) == (1, None)


def test_an_answer_in_quarantine_is_not_in_the_file(firm: Deployment, tmp_path: Path) -> None:
    class Inventing(Scripted):
        def complete(self, prompt: str):  # type: ignore[no-untyped-def]
            made = super().complete(prompt)
            said = json.loads(made.text)
            for segment in said["segments"]:
                segment["text"] = "The fund charges 987,65 every month."
            return made.__class__(json.dumps(said), made.model, made.provider, 1, 0.01)

    report = answer(firm, written(tmp_path, ROWS[:1]), Inventing())
    (row,) = answers(report.answers)
    assert (row["status"], row["decision"], row["answer"], row["citations"]) == (
        "quarantined", "held_in_quarantine", "", "",
    )  # fmt: skip
    assert "987,65" not in Path(report.answers).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({**ROWS[0], "year": "soon"}, "`year` as a whole number"),
        ({**ROWS[0], "year": 1999}, "a year from 2018 to 2024"),
        ({**ROWS[0], "year": ""}, "`year` as a whole number"),
        ({**ROWS[0], "question": ""}, "`question` as text"),
    ],
)
def test_a_row_that_is_not_usable_is_named_and_nothing_is_decided(
    firm: Deployment, tmp_path: Path, row: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InvalidInput, match="row 3 of the questions file") as refused:
        answer(firm, written(tmp_path, [ROWS[1], row]))
    assert refused.value.expected == expected
    assert decisions(firm) == 0


@pytest.mark.parametrize("name", ["due-diligence.csv", "answers.pdf"])
def test_answers_go_into_another_file_of_a_known_format(firm: Deployment, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, ROWS[:1])
    with pytest.raises(InvalidInput, match="cannot be written there"):
        answer(firm, path, out=tmp_path / name)
    assert len(list(tmp_path.iterdir())) == 1


# ── the verb and the job ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_verb_writes_the_answers_and_sums_up(
    firm: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPLIANCE_DATABASE_URL", str(firm.settings.database_url))
    monkeypatch.setenv("COMPLIANCE_ORGANIZATION_ID", firm.settings.organization_id)
    monkeypatch.setenv("COMPLIANCE_EMBEDDER", "hash")
    monkeypatch.setenv("COMPLIANCE_YEARS", "2018-2024")
    path, out = written(tmp_path, ROWS[:3]), tmp_path / "out.xlsx"
    arguments = ["ddq", str(path), "--out", str(out), "--data-dir", str(firm.settings.data_dir)]

    done = CliRunner().invoke(compliance, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["questions"] == 3
    assert out.is_file()

    shown = CliRunner().invoke(compliance, arguments)
    assert "3 questions, 0 decided now" in shown.output
    assert str(out) in shown.output


def test_the_job_does_the_same_and_its_event_log_says_nothing_of_the_questions(
    firm: Deployment, tmp_path: Path
) -> None:
    path = written(tmp_path, ROWS[:3])
    definitions = dg.Definitions(jobs=[ddq_batch], resources=firm.resources())
    job = definitions.resolve_job_def("ddq_batch")

    def run(year: object) -> dg.ExecuteInProcessResult:
        config = {"ops": {"answer_questions": {"config": {"path": str(path), "category": CATEGORY}}}}
        written(tmp_path, [{**row, "year": year} for row in ROWS[:3]])
        return job.execute_in_process(run_config=config, raise_on_error=False)

    done, astray = run("2022"), run(ROWS[0]["question"])
    assert (done.success, astray.success) == (True, False)
    assert len(answers(tmp_path / "due-diligence.answers.csv")) == 3
    told = "\n".join(str(event) for run in (done, astray) for event in run.all_events)
    assert "row 2 of the questions file is not usable" in told
    assert not [row for row in ROWS[:3] if str(row["question"]) in told]
