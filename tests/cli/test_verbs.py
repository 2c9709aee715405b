"""The command line, run as a person runs it: another process, its output, its exit code."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.golden.golden_set import read_rows
from evals.golden.rules import CATEGORY, path_of, rule_questions, rules_of

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
            timeout=240,
        )

    def json(self, *arguments: str) -> Any:
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
def demo(cli: Cli) -> dict[str, Any]:
    """What the first demo of a deployment reports: 40 filings, the law of three years, 33 questions on it."""
    report: dict[str, Any] = cli.json("demo")
    return report


@pytest.fixture(scope="module")
def filled(cli: Cli, demo: dict[str, Any]) -> Cli:
    """A deployment with the demo in it."""
    return cli


def test_demo_takes_in_every_file_and_ends_with_a_ledger_entry_a_question(demo: dict[str, Any]) -> None:
    assert (demo["documents_read"], demo["files"], sum(demo["documents"].values())) == (43, 43, 44)  # one is attached
    assert demo["years"] == [2022, 2023, 2024]
    assert (demo["questions"], demo["decided_now"]) == (33, 33)
    decisions = 33 + len(demo["triage"])
    assert demo["ledger"]["entries"] == decisions + 3 + 3, (
        "the indexes put in place, the key that signs, the router map, the release"
    )
    assert demo["ledger"]["checkpoints"] == 3, "one at the end of each year's run"
    assert demo["verified"] is True


def test_a_second_demo_does_nothing(filled: Cli, demo: dict[str, Any]) -> None:
    again = filled.json("demo")

    assert (again["documents_read"], again["chunks_encoded"], again["decided_now"], again["years"]) == (0, 0, 0, [])
    assert (again["documents"], again["decisions"]) == (demo["documents"], demo["decisions"])
    assert again["verified"] is True


def test_demo_reads_every_format_and_says_which_filings_wait_for_a_person_and_why(demo: dict[str, Any]) -> None:
    counted = {row["format"]: row["ok"] + row["needs_human"] for row in demo["formats"]}
    waiting = {row["path"]: row["reason"] for row in demo["not_ok"] if row["state"] == "needs_human"}

    assert counted == {"email": 8, "fixed_width": 6, "pdf": 13, "scan": 5, "text": 4, "xml": 8}
    assert not any(row["rejected"] for row in demo["formats"])
    assert waiting["filings/demo-025.xml"] == "check_failed: taxpayer_check_digits"
    assert waiting["filings/demo-039.eml"] == "missing_field: corrected_receipt"


def test_demo_scores_gold_pages_with_their_n(demo: dict[str, Any]) -> None:
    gold = demo["gold_pages"]

    assert demo["hits"] > 33
    assert demo["hits_of_another_year"] == 0
    assert gold["n"] == 33
    assert gold["gold_page_retrieved"] == 33


def test_retrieve_prints_hits_of_the_year_alone(filled: Cli) -> None:
    hits = filled.json("retrieve", "despesas com instrução e dependentes", "--year", "2023")
    titles = {hit["doc_title"] for hit in hits}

    assert [hit["rank"] for hit in hits] == list(range(1, 9))
    assert {hit["method"]["scope"]["year"] for hit in hits} == {2023}
    assert "Regras do imposto de renda, ano-calendário 2023" in titles
    assert {year_of(title, filled) for title in titles} == {2023}


def test_retrieve_finds_the_law_alone_when_its_category_is_asked_for(filled: Cli) -> None:
    hits = filled.json("retrieve", "imposto a restituir", "--year", "2024", "--category", CATEGORY)

    assert {hit["doc_title"] for hit in hits} == {"Regras do imposto de renda, ano-calendário 2024"}


def test_retrieve_records_the_year_it_was_opted_into(filled: Cli) -> None:
    hits = filled.json("retrieve", "prazo", "--year", "2023", "--opt-in-year", "2024", "--top-k", "20")

    assert all(hit["method"]["opt_in_years"] == [2024] for hit in hits)
    assert {year_of(hit["doc_title"], filled) for hit in hits} == {2023, 2024}


def test_demo_triages_every_filing_that_was_read_and_a_second_triage_does_nothing(
    filled: Cli, demo: dict[str, Any]
) -> None:
    paths = {row["path"] for row in demo["triage"]}
    read = {path for path in paths if path.startswith("filings/")}

    assert paths == read
    assert len(read) >= 30
    assert {row["outcome"] for row in demo["triage"]} == {"decided", "review"}
    assert sum(row["outcome"] == "decided" for row in demo["triage"]) > len(read) / 2
    assert filled.json("triage")["decided_now"] == 0


def test_what_waits_for_a_person_is_listed_shown_and_signed_by_name(filled: Cli) -> None:
    waiting = [case for case in filled.json("review", "list") if case["workload"] == "irpf.triage"]
    first = waiting[0]["response_id"]
    shown = filled.json("review", "show", first)

    assert first in json.dumps(shown)
    assert filled("review", "reject", first, "--by", "Rita Revisora", "--rationale", "Falta um anexo.").returncode == 0
    assert first not in {case["response_id"] for case in filled.json("review", "list")}
    assert filled("verify").returncode == 0


def test_the_shipped_router_map_is_approved_by_the_product_and_named_so(filled: Cli) -> None:
    shown = filled.json("router", "show")
    assert shown["in_production"] is True

    assert shown["approver"] == "shipped-default"
    assert shown["routes"]["irpf.triage"]["primary"] == "local/irpf-v1"


def test_decide_is_for_questions_and_says_where_documents_go(filled: Cli) -> None:
    refused = filled("decide", "--workload", "irpf.triage", "--year", "2023", "--question", "Está certo?")

    assert refused.returncode == 2
    assert "compliance triage" in refused.stderr


def test_decide_prints_an_envelope_whose_quotes_are_cited(filled: Cli) -> None:
    question = "Qual é o limite por pessoa das despesas com instrução?"
    envelope = filled.json("decide", "--year", "2022", "--category", CATEGORY, "--question", question)

    assert envelope["decision"] == "answered"
    assert any("R$ 3.561,50 por pessoa" in citation["quote"] for citation in envelope["citations"])
    assert envelope["approver"] is None
    assert filled("verify").returncode == 0


def test_decide_prints_a_list_for_a_questions_file(filled: Cli, tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(
        '{"id": "a", "question": "O que a retificadora traz?", "year": 2022, "filer_category": null}\n'
        '{"id": "b", "question": "Quem deve declarar?", "year": 2024, "filer_category": "legislacao"}\n'
    )

    envelopes = filled.json("decide", "--questions", str(questions))

    assert [envelope["workload"] for envelope in envelopes] == ["ddq.draft_response"] * 2


def test_lineage_goes_from_the_raw_object_to_the_ledger_entry(filled: Cli, demo: dict[str, Any]) -> None:
    response_id = demo["decisions"][0]["response_id"]

    steps = filled.json("lineage", response_id)

    assert len(steps["raw_objects"][0]["object_sha256"]) == 64
    assert steps["ledger_entry"]["subject_id"] == response_id
    assert filled("lineage", response_id).returncode == 0


def test_lineage_goes_from_a_document_to_every_decision_it_touched(filled: Cli, demo: dict[str, Any]) -> None:
    steps = filled.json("lineage", demo["decisions"][0]["response_id"])
    document = steps["documents"][0]
    touched = filled.json("lineage", document["doc_id"])

    assert steps["response_id"] in {row["response_id"] for row in touched["latest"]}
    assert sum(row["decisions"] for row in touched["by_year"]) == touched["decisions"] > 1
    for other_name in (document["object_sha256"], steps["raw_objects"][0]["path"]):
        assert filled.json("lineage", other_name)["decisions"] == touched["decisions"]
    assert filled("lineage", document["doc_id"]).returncode == 0


def test_a_decision_is_proved_replayed_and_handed_out(filled: Cli, demo: dict[str, Any], tmp_path: Path) -> None:
    response_id = demo["decisions"][0]["response_id"]
    proof = filled.json("proof", response_id)
    assert len(bytes.fromhex(proof["root"])) == 32
    assert filled.json("replay", response_id)["equal"] is True
    assert filled.json("replay", "--all")["replayed"] >= 33
    assert filled.json("replay", response_id, "--mode", "requery", "--times", "2")["same_answer"] == 1.0

    dossier = tmp_path / "dossier.zip"
    assert filled("dossier", response_id, "-o", str(dossier), "--by", "auditor").returncode == 0
    assert filled("dossier", response_id, "-o", str(dossier)).returncode == 2, "a file is not overwritten"
    with zipfile.ZipFile(dossier) as packed:
        packed.extractall(tmp_path / "unpacked")
    alone = [sys.executable, "-I", "-S", "verify.py", "--key", proof["public_key"]]
    checked = subprocess.run(alone, cwd=tmp_path / "unpacked", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.splitlines()[-1].startswith("TRUE")
    assert filled("verify", "--bundle", str(dossier), "--key", proof["public_key"]).returncode == 0
    (tmp_path / "unpacked" / "decision.json").write_text("{}")
    assert filled("verify", "--bundle", str(tmp_path / "unpacked")).returncode == 1


def test_a_whole_ledger_is_verified_from_the_first_entry_or_from_a_checkpoint_on(filled: Cli) -> None:
    signed = filled.json("checkpoint")
    published = next((filled.data_dir / "checkpoints").glob(f"*/{signed['tree_size']:012}.txt"))
    whole, behind = filled.json("verify"), filled.json("verify", "--since", str(published))

    assert (whole["verified"], behind["verified"], behind["since"]) == (True, True, signed["tree_size"])
    assert whole["contents"] > behind["contents"] == 0


def test_the_ledger_is_exported_as_lines_that_prove_themselves_and_as_events(filled: Cli, tmp_path: Path) -> None:
    lines, sent = tmp_path / "ledger.jsonl", tmp_path / "ledger.cef"
    count = filled.json("export", "-o", str(lines))["entries"]
    assert len(lines.read_text().splitlines()) == count
    assert filled.json("export", "--format", "cef", "--to", sent.as_uri())["count"] == count
    assert filled.json("export", "--format", "cef", "--to", sent.as_uri())["count"] == 0
    assert len(sent.read_text().splitlines()) == count


def test_oversight_and_amendments_are_entries_and_the_ledger_still_holds(filled: Cli, demo: dict[str, Any]) -> None:
    response_id = demo["decisions"][1]["response_id"]
    filled.json("oversight", response_id, "--state", "flagged", "--by", "reviewer", "--note", "Look again.")
    assert [change["note"] for change in filled.json("oversight", response_id)["changes"]] == ["Look again."]
    assert filled("oversight", response_id).returncode == 0
    filled.json("amend", "5", "--reason", "a typing error", "--authority", "the compliance officer", "--by", "somebody")
    assert filled.json("incidents") == []
    assert filled("verify").returncode == 0


def test_keys_are_rotated_on_the_record_and_what_was_made_before_stays_valid(filled: Cli) -> None:
    before = filled.json("checkpoint")["tree_size"]
    assert filled.json("rotate-key", "--by", "somebody")["key"] == "k2"
    assert "+" in filled.json("rotate-key", "--signing", "--by", "somebody")["key"]
    assert filled.json("checkpoint")["tree_size"] == before + 2
    assert filled("verify").returncode == 0
    assert filled.json("replay", "--all")["equal"] is True


def test_status_counts_every_room(filled: Cli) -> None:
    found = filled.json("status")

    assert sum(found["documents"].values()) == 44, "43 files and the attachment of a mail"
    assert [index["year"] for index in found["indexes"]] == [2022, 2023, 2024]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["retrieve", "x", "--category", "Northwind"], "--year"),
        (["retrieve", "x", "--opt-in-year", "2022"], "--year"),
        (["retrieve", "  ", "--year", "2022"], "empty"),
        (["decide"], "--question"),
        (["decide", "--question", "x"], "--year"),
        (["decide", "--question", "x", "--year", "1875"], "2010 to 2026"),
        (["decide", "--question", "x", "--year", "2022", "--workload", "nope"], "ddq.draft_response"),
        (["lineage", "rsp_00000000000000000000000000"], "no such decision"),
        (["lineage", "no such document"], "neither a decision nor a document"),
        (["proof", "rsp_00000000000000000000000000"], "no such decision"),
        (["replay"], "--all"),
        (["replay", "rsp_00000000000000000000000000"], "no such decision"),
        (["verify", "--since", "no such file"], "a checkpoint's file"),
        (["verify", "--since", "999999"], "one of the sizes"),
        (["erase", "123", "--order", "X-1"], "CPF"),
        (["erase", "529.982.247-25", "--order", "X-1"], "nothing is held"),
        (["hold", "529.982.247-25"], "--order"),
        (["export"], "--out"),
        (["amend", "1", "--reason", "r", "--authority", "a", "--correction", "nonsense"], "JSON object"),
        (["incidents", "--resolve", "inc_none"], "incident"),
        (["oversight", "999999"], "999999"),
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


def test_verify_exits_with_1_when_an_entry_was_changed(cli: Cli, session_dir: Path, tmp_path: Path) -> None:
    other = Cli(session_dir / "cli-tampered", cli.environment)
    law = law_of_one_year(tmp_path)
    assert other("up").returncode == 0
    try:
        assert other("demo", "--source", str(law), "--questions", str(tmp_path / "questions.jsonl")).returncode == 0
        assert other("verify").returncode == 0
        _tamper(other.data_dir)
        done = other("verify")
        assert done.returncode == 1
        assert "body was changed" in done.stdout
    finally:
        other("down")


def test_a_person_is_erased_and_everything_else_stays_verifiable(filled: Cli, demo: dict[str, Any]) -> None:
    truth = read_rows(filled.data_dir / "demo" / "truth.jsonl")
    person = truth[0]["fields"]["taxpayer_id"]["value"]
    planned = filled.json("erase", person, "--order", "LGPD-1", "--dry-run")
    assert planned["documents"] >= 1
    hold_id = filled.json("hold", person, "--order", "COURT-7")["hold_id"] if planned["keys"] else None
    if hold_id:
        assert filled("erase", person, "--order", "LGPD-1").returncode == 2
        filled.json("hold", "--release", hold_id, "--order", "COURT-8")
    assert filled.json("erase", person, "--order", "LGPD-1")["documents"] == planned["documents"]
    assert filled("erase", person, "--order", "LGPD-2").returncode == 2, "nothing is held any more"
    verified = filled.json("verify")
    assert (verified["verified"], verified["erased"]) == (True, planned["entries"])


def test_nothing_is_written_outside_the_data_directory(filled: Cli) -> None:
    written = {path.name for path in filled.data_dir.iterdir()}

    assert written - {"cache"} == {"checkpoints", "dagster", "demo", "keys", "objects", "postgres"}
    assert not (filled.data_dir.parent / ".compliance").exists()


def year_of(title: str, filled: Cli) -> int:
    """The year of a document of the demo by its title: the law says it there, a filing in its truth."""
    if title.startswith("Regras"):
        return int(title[-4:])
    truth = {f"Declaração {row['id']}": row["year"] for row in read_rows(filled.data_dir / "demo" / "truth.jsonl")}
    return int(truth[title])


def law_of_one_year(folder: Path) -> Path:
    """A source of one document, the law of 2022, with questions on it beside the source."""
    law = folder / "law" / path_of(2022)
    law.parent.mkdir(parents=True)
    law.write_text(rules_of(2022), encoding="utf-8")
    label = {"path": path_of(2022), "year": 2022, "filer_category": CATEGORY}
    (folder / "law" / "manifest.jsonl").write_text(json.dumps(label))
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rule_questions([2022])[:3])))
    return folder / "law"


def _tamper(data_dir: Path) -> None:
    """As the superuser, past the trigger."""
    import psycopg

    from resources.embedded_postgres import EmbeddedPostgres

    with psycopg.connect(EmbeddedPostgres(data_dir).start()) as conn:
        conn.execute("SET session_replication_role = replica")
        done = conn.execute(
            "UPDATE compliance.ledger_entries SET body = replace(body, 'decided', 'derided') WHERE seq = (SELECT min(seq)"
            " FROM compliance.ledger_entries WHERE kind = 'decision' AND body LIKE '%decided%')"
        )
        assert done.rowcount == 1
