"""Filings become work by themselves, are triaged once, and their triage is governed, cited and recorded like any decision."""

from pathlib import Path

import dagster as dg
import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.replay import replay_all
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.pending import TRIAGE, enqueue_filings
from compliance_assets.review.cases import cases
from evals.golden.generate import write_demo
from sensors.pending_filings import pending_filings
from sensors.queue_recovery import queue_recovery
from tests.model_decisions.builders import Only, Scripted
from tests.rooms import chunk, take_in
from tests.small_corpus import SmallCorpus

YEAR = 2023
KEPT = ("demo-005", "demo-007", "demo-022", "demo-033")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some filings of the demo and the law."""
    made = tmp_path_factory.mktemp("filings")
    write_demo(made)
    documents = made / "documents"
    for path in (documents / "filings").iterdir():
        if path.stem not in KEPT:
            path.unlink()
    manifest = documents / "manifest.jsonl"
    rows = [row for row in manifest.read_text().splitlines() if "rules/" in row or any(name in row for name in KEPT)]
    manifest.write_text("\n".join(rows) + "\n")
    return documents


@pytest.fixture
def filed(deployment: Deployment, folder: Path) -> Deployment:
    """They lie in several years; one of them is indexed."""
    take_in(deployment, folder)
    chunk(deployment, YEAR)
    corpus = SmallCorpus(deployment)
    corpus.embed(YEAR)
    corpus.build(YEAR)
    return deployment


def enqueue(deployment: Deployment) -> int:
    with deployment.postgres.connect() as conn:
        return enqueue_filings(conn, YEAR)


def test_every_filing_of_a_year_is_enqueued_once_and_the_law_is_none(filed: Deployment) -> None:
    with filed.postgres.connect() as conn:
        readable = store.filings_without_work(conn, YEAR, TRIAGE)

    assert readable
    assert enqueue(filed) == len(readable)
    assert enqueue(filed) == 0


def test_a_triage_reads_the_filing_cites_it_and_the_law_and_comes_out_again_byte_for_byte(filed: Deployment) -> None:
    count = enqueue(filed)
    report = drain_year(filed.desk, YEAR)
    with filed.postgres.connect() as conn:
        rows = store.triaged(conn, TRIAGE, [YEAR])
        entries = ledger.decisions_of_year(conn, YEAR)
        contents = [c.as_json() for c in ledger.contents(conn, filed.keyring, entries).values() if c]

    assert (report.decided, len(rows)) == (count, count)
    for content in contents:
        envelope = content["response_envelope"]
        assert envelope["decision"] in ("original", "retificadora"), content["reason"]
        assert {"taxpayer_id", "tax_due", "return_type"} <= {f["name"] for f in envelope["fields"]}
        assert all(f["value"].isdigit() for f in envelope["fields"] if f["name"] == "taxpayer_id")
        assert content["confidence"]["field_agreement"] == 1.0
        assert content["governance"]["policy_input"]["classification"] == "pii"
        assert sum(content["governance"]["redaction"]["counts"].values()) > 0
    assert replay_all(filed.archive).equal


def test_no_prompt_holds_the_number_of_a_person(filed: Deployment) -> None:
    enqueue(filed)
    drain_year(filed.desk, YEAR)
    with filed.postgres.connect() as conn:
        entries = ledger.decisions_of_year(conn, YEAR)
        contents = [c.as_json() for c in ledger.contents(conn, filed.keyring, entries).values() if c]
        documents = {d for c in contents for d in (c["input"]["document_id"],)}
        persons = {p.partition(":")[2] for d in store.documents_of(conn, documents) for p in d.data_subjects}

    assert persons
    digits = ["".join(ch for ch in c["prompt"] if ch.isdigit() or ch.isspace()) for c in contents]
    assert not [person for person in persons for text in digits if person in text]


def test_what_a_person_has_to_look_at_is_a_case(filed: Deployment) -> None:
    enqueue(filed)
    drain_year(filed.desk, YEAR)
    with filed.postgres.connect() as conn:
        waiting = {row["response_id"] for row in store.triaged(conn, TRIAGE, [YEAR]) if row["outcome"] == "review"}
        opened = {case.response_id for case in cases(conn)}

    assert opened == waiting


# ── sensors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def tick(sensor: dg.SensorDefinition, deployment: Deployment) -> list[dg.RunRequest]:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources=deployment.resources())
        result = sensor(context)
    return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def test_new_filings_ask_for_one_run_of_their_year_and_the_same_ones_for_the_same_run(filed: Deployment) -> None:
    first, again = tick(pending_filings, filed), tick(pending_filings, filed)

    assert [request.partition_key for request in first] == [str(YEAR)]
    assert [request.run_key for request in first] == [request.run_key for request in again]

    enqueue(filed)
    drain_year(filed.desk, YEAR)
    assert tick(pending_filings, filed) == []


def test_work_that_waits_for_a_model_is_drained_once_it_answers(filed: Deployment) -> None:
    import dataclasses

    enqueue(filed)
    away = dataclasses.replace(filed.desk, models=Only(Scripted({"": None})))
    assert drain_year(away, YEAR).decided == 0
    requests = tick(queue_recovery, filed)

    assert [request.partition_key for request in requests] == [str(YEAR)]
    assert drain_year(filed.desk, YEAR).decided > 0
    assert tick(queue_recovery, filed) == []
