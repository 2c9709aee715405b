"""The command line, run as a person runs it: another process, its output, its exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

COMPLIANCE = Path(sys.executable).with_name("compliance")


class Cli:
    """Runs verbs against one data directory."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        self.environment = environment

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMPLIANCE), *arguments, "--data-dir", str(self.data_dir)],
            env={**os.environ, **self.environment, **environment},
            cwd=self.data_dir.parent,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def json(self, *arguments: str) -> object:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def cli(session_dir: Path) -> Iterator[Cli]:
    made = Cli(session_dir / "cli", {"COMPLIANCE_EMBEDDER": "hash"})
    assert made("up").returncode == 0
    yield made
    made("down")


@pytest.fixture(scope="module")
def filled(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A deployment with the sample corpus in it."""
    done = cli("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    return cli


def test_demo_ends_with_a_verified_ledger_and_a_second_one_does_nothing(filled: Cli) -> None:
    again = filled.json("demo")

    assert again["verified"] is True
    assert (again["documents_read"], again["chunks_encoded"], again["decided_now"], again["years"]) == (0, 0, 0, [])
    assert again["documents"] == {"needs_human": 1, "ok": 12, "rejected": 1}
    assert again["ledger"]["entries"] == 13


def test_demo_scores_gold_pages_with_their_n(filled: Cli) -> None:
    report = filled.json("demo")
    gold = report["gold_pages"]

    assert report["hits"] > 13
    assert report["hits_of_another_year"] == 0
    assert gold["n"] == 12
    assert gold["gold_page_retrieved"] == 12


def test_retrieve_prints_hits_of_the_year_alone(filled: Cli) -> None:
    hits = filled.json("retrieve", "liquidity buffer", "--year", "2023")

    assert [hit["rank"] for hit in hits] == list(range(1, 9))
    assert {hit["method"]["scope"]["year"] for hit in hits} == {2023}
    assert all("2023" in hit["doc_title"] for hit in hits)


def test_retrieve_records_the_year_it_was_opted_into(filled: Cli) -> None:
    hits = filled.json("retrieve", "auditor", "--year", "2023", "--opt-in-year", "2024", "--top-k", "20")

    assert all(hit["method"]["opt_in_years"] == [2024] for hit in hits)
    assert {hit["doc_title"][-4:] for hit in hits} == {"2023", "2024"}


def test_decide_prints_an_envelope_whose_quotes_are_cited(filled: Cli) -> None:
    question = "How long are the records of investors kept after the business relationship ends?"
    envelope = filled.json("decide", "--year", "2022", "--category", "Finch Income", "--question", question)

    assert envelope["decision"] == "answered"
    assert any("kept for 5 years" in citation["quote"] for citation in envelope["citations"])
    assert envelope["approver"] is None
    assert filled("verify").returncode == 0


def test_decide_prints_a_list_for_a_questions_file(filled: Cli, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"id": "a", "question": "Who holds the assets of the funds?", "year": 2022, "filer_category": null}\n'
        '{"id": "b", "question": "Who is the auditor of the annual accounts?", "year": 2024, "filer_category": null}\n'
    )

    envelopes = filled.json("decide", "--questions", str(questions))

    assert [envelope["workload"] for envelope in envelopes] == ["ddq.draft_response"] * 2


def test_lineage_goes_from_the_raw_object_to_the_ledger_entry(filled: Cli) -> None:
    response_id = filled.json("demo")["decisions"][0]["response_id"]

    steps = filled.json("lineage", response_id)

    assert len(steps["raw_objects"][0]["object_sha256"]) == 64
    assert steps["ledger_entry"]["subject_id"] == response_id
    assert filled("lineage", response_id).returncode == 0


def test_status_counts_every_room(filled: Cli) -> None:
    found = filled.json("status")

    assert found["documents"]["ok"] == 12
    assert [index["year"] for index in found["indexes"]] == [2022, 2023, 2024]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["retrieve", "x"], "--year"),
        (["retrieve", "  ", "--year", "2022"], "empty"),
        (["decide"], "--question"),
        (["decide", "--question", "x"], "--year"),
        (["decide", "--question", "x", "--year", "1875"], "2010 to 2026"),
        (["decide", "--question", "x", "--year", "2022", "--workload", "nope"], "ddq.draft_response"),
        (["lineage", "rsp_00000000000000000000000000"], "no such decision"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_use_is_explained_and_exits_with_2(filled: Cli, arguments: list[str], says: str) -> None:
    done = filled(*arguments)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_row_of_a_questions_file_is_named(cli: Cli, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"id": "a", "question": "x", "year": "2022"}\n')

    done = cli("decide", "--questions", str(questions))

    assert done.returncode == 2
    assert "row 1" in done.stderr
    assert "'2022'" in done.stderr


def test_an_unreachable_database_exits_with_3(cli: Cli) -> None:
    done = cli("status", COMPLIANCE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")

    assert done.returncode == 3
    assert "not reachable" in done.stderr


def test_a_folder_that_is_not_there_exits_with_3_and_registers_nothing(filled: Cli) -> None:
    done = filled("ingest", "/no/such/folder")

    assert done.returncode == 3
    assert "/no/such/folder" in done.stderr
    assert not any("no/such" in uri for uri in filled.json("status")["sources"])


def test_errors_are_json_too(cli: Cli) -> None:
    done = cli("lineage", "rsp_x", "--json")

    assert done.returncode == 2
    assert set(json.loads(done.stdout)) == {"error", "problem", "expected", "found", "remedy"}


def test_verify_exits_with_1_when_an_entry_was_changed(cli: Cli, session_dir: Path) -> None:
    other = Cli(session_dir / "cli-tampered", cli.environment)
    assert other("up").returncode == 0
    try:
        assert other("demo").returncode == 0
        _tamper(other.data_dir)
        done = other("verify")
        assert done.returncode == 1
        assert "body was changed" in done.stdout
    finally:
        other("down")


def test_nothing_is_written_outside_the_data_directory(filled: Cli) -> None:
    written = {path.name for path in filled.data_dir.iterdir()}

    assert {"dagster", "keys", "objects", "postgres"} <= written <= {"cache", "dagster", "keys", "objects", "postgres"}
    assert not (filled.data_dir.parent / ".compliance").exists()


def _tamper(data_dir: Path) -> None:
    """As the superuser, past the trigger."""
    import psycopg

    from resources.embedded_postgres import EmbeddedPostgres

    with psycopg.connect(EmbeddedPostgres(data_dir).start()) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("UPDATE compliance.ledger_entries SET body = replace(body, 'decided', 'derided') WHERE seq = 3")
