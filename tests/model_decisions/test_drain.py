import dataclasses
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.drain import DrainReport, drain_year, needs_deciding, rehearsed
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.serving import served
from compliance_assets.model_decisions.work import WorkItem
from resources.embedder import HashEmbedder
from resources.keyring import Keyring
from tests.model_decisions.builders import Saying, Scripted
from tests.model_decisions.conftest import Office

CUSTODY, RESERVE = "Where are the assets of Northwind held?", "Of what percent is the reserve that the fund keeps?"
LEVERAGE, CAPE = "Below what percent of net assets stays leverage?", "Who sailed around the cape in winter?"


NO_KEY = DependencyUnavailable("the master key is away", expected="it", found="nothing", remedy="Restore it.")


class BrokenKeyring(Keyring):
    """Fails where the ledger entry is about to be hashed, from a given entry on. The first use is of the drain itself: what is
    in production is held against the ledger.
    """

    def __init__(self, working: Keyring, entries: int, problem: Exception) -> None:
        self.working, self.left, self.problem = working, 1 + entries, problem

    def chain_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        if self.left == 0:
            raise self.problem
        self.left -= 1
        return self.working.chain_key(organization_id, key_id)

    @property
    def active_key_id(self) -> str:
        return self.working.active_key_id

    def content_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        return self.working.content_key(organization_id, key_id)

    def subject_index_key(self, organization_id: str) -> bytes:
        return self.working.subject_index_key(organization_id)

    def pseudonym_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        return self.working.pseudonym_key(organization_id, key_id)


def test_every_queued_question_ends_decided_or_in_review_with_its_reason(office: Office) -> None:
    office.ask(CUSTODY, RESERVE, CAPE)
    report = drain_year(office.desk(ExtractiveModel()), 2021)

    assert report == DrainReport(decided=3)
    assert office.work() == {
        CUSTODY: ("done", None),
        RESERVE: ("done", None),
        CAPE: ("review", "insufficient_evidence"),
    }
    assert office.recorded() == [CUSTODY, RESERVE, CAPE]


def test_decisions_follow_the_order_in_which_they_were_asked(office: Office) -> None:
    questions = [f"{CUSTODY} ({number})" for number in range(12)]
    office.ask(*questions)
    drain_year(office.desk(ExtractiveModel()), 2021)

    assert office.recorded() == questions


def test_a_decision_is_found_from_each_document_that_it_touched(office: Office) -> None:
    (asked,) = office.ask(CUSTODY)
    drain_year(office.desk(ExtractiveModel()), 2021)
    keyring = office.deployment.keyring
    with office.deployment.postgres.connect() as conn:
        envelope = store.envelopes_of_work(conn, keyring, [asked.work_id])[asked.work_id]
        rows = conn.execute(
            "SELECT doc_id, response_id, retrieved, cited FROM compliance.decision_documents ORDER BY doc_id"
        ).fetchall()
        retrieved = Counter(chunk.doc_id for chunk in envelope.retrieved_chunks)
        cited = Counter(citation.doc_id for citation in envelope.citations)
        assert rows == [(doc, envelope.response_id, retrieved[doc], cited[doc]) for doc in sorted(retrieved)]
        assert sum(cited.values()) >= 1
        assert store.wrong_citations(conn, keyring, 2021) == []


def test_a_drain_of_nothing_does_nothing(office: Office) -> None:
    assert drain_year(office.desk(ExtractiveModel()), 2021) == DrainReport()


def test_a_second_drain_adds_nothing(office: Office) -> None:
    office.ask(CUSTODY, RESERVE)
    desk = office.desk(Scripted())
    drain_year(desk, 2021)

    assert drain_year(desk, 2021) == DrainReport()
    assert len(office.recorded()) == 2


def test_a_question_asked_again_keeps_its_decision_and_the_model_is_not_asked(office: Office) -> None:
    provider = Scripted()
    (asked,) = office.ask(CUSTODY)
    drain_year(office.desk(provider), 2021)
    with office.deployment.postgres.connect() as conn:
        first = store.envelopes_of_work(conn, office.deployment.keyring, [asked.work_id])
        assert not needs_deciding(conn, served(office.desk(provider), conn).release, asked)
    office.ask(CUSTODY)
    report = drain_year(office.desk(provider), 2021)

    assert report == DrainReport(already_decided=1)
    assert provider.calls == 1
    assert office.recorded() == [CUSTODY]
    with office.deployment.postgres.connect() as conn:
        assert store.envelopes_of_work(conn, office.deployment.keyring, [asked.work_id]) == first


def test_the_same_question_twice_in_one_request_is_one_piece_of_work(office: Office) -> None:
    office.ask(CUSTODY, CUSTODY, ids=False)

    assert drain_year(office.desk(ExtractiveModel()), 2021) == DrainReport(decided=1)


def test_the_same_question_under_two_ids_is_two_decisions(office: Office) -> None:
    office.ask(CUSTODY, CUSTODY)

    assert drain_year(office.desk(ExtractiveModel()), 2021) == DrainReport(decided=2)


def test_a_question_asked_again_over_other_documents_is_decided_again(office: Office) -> None:
    office.ask(CUSTODY)
    drain_year(office.desk(ExtractiveModel()), 2021)
    office.corpus.add(2021, "Since May the assets of Northwind are held by Meadow Bank.")
    office.corpus.build(2021)
    office.ask(CUSTODY)

    assert drain_year(office.desk(ExtractiveModel()), 2021) == DrainReport(decided=1)
    assert office.recorded() == [CUSTODY, CUSTODY]


def test_a_question_asked_again_under_another_release_is_decided_again(office: Office) -> None:
    (asked,) = office.ask(CUSTODY)
    desk = office.desk(ExtractiveModel())
    drain_year(desk, 2021)
    bundle = desk.bundle
    prompt = f"prompts/{bundle.workload(asked.workload).prompt.file}"
    office.promote(bundle.with_files({prompt: b"Be brief. " + bundle.files[prompt]}))
    with office.deployment.postgres.connect() as conn:
        assert needs_deciding(conn, served(desk, conn).release, asked)
    office.ask(CUSTODY)

    assert drain_year(desk, 2021) == DrainReport(decided=1)
    assert office.recorded() == [CUSTODY, CUSTODY]


def test_the_model_is_not_asked_of_a_year_without_documents(office: Office) -> None:
    office.ask(CUSTODY, year=2022)
    provider = Saying("never said")
    drain_year(office.desk(provider), 2022)

    assert provider.prompts == []
    assert office.work() == {CUSTODY: ("review", "no_documents_in_scope")}
    assert office.recorded() == [CUSTODY]


AWAY = "the model is away: expected it; found nobody. Wait."


def test_what_a_model_does_not_answer_stays_queued_with_the_reason_and_the_others_go_on(office: Office) -> None:
    office.ask(CUSTODY, RESERVE, LEVERAGE)
    provider = Scripted({"reserve": None})
    report = drain_year(office.desk(provider), 2021)

    assert (report.decided, list(report.postponed.values()), report.outage) == (2, [AWAY], None)
    assert office.work()[RESERVE] == ("queued", AWAY)
    assert office.recorded() == [CUSTODY, LEVERAGE]

    provider.script.clear()
    assert drain_year(office.desk(provider), 2021).decided == 1
    assert office.work()[RESERVE] == ("done", None)
    assert office.recorded() == [CUSTODY, LEVERAGE, RESERVE]


def test_after_three_in_a_row_without_an_answer_nobody_else_is_asked_and_the_ledger_says_that_they_wait(
    office: Office,
) -> None:
    questions = [f"{RESERVE} ({number})" for number in range(9)]
    office.ask(*questions)
    provider = Scripted({"reserve": None})
    report = drain_year(office.desk(provider), 2021)

    assert (provider.calls, report.decided, report.outage) == (3, 0, AWAY)
    assert office.work() == dict.fromkeys(questions, ("queued", AWAY))
    assert office.waits() == [{"reason": AWAY, "waiting": 9, "workload": "ddq.draft_response"}]

    provider.script.clear()
    assert drain_year(office.desk(provider), 2021).decided == 9
    assert office.recorded() == questions


def test_one_question_that_no_model_answers_ends_with_a_person_and_never_stops_the_others(office: Office) -> None:
    desk = office.desk(Scripted({"reserve": None}))
    for turn in range(store.MOST_ATTEMPTS):
        office.ask(*([RESERVE] if turn == 0 else []), f"{CUSTODY} ({turn})")
        assert drain_year(desk, 2021).decided == 1

    assert office.work()[RESERVE] == ("dead", AWAY)
    assert drain_year(desk, 2021) == DrainReport()


def test_many_deciders_decide_each_question_once(office: Office) -> None:
    questions = [f"{CUSTODY} ({number})" for number in range(30)]
    office.ask(*questions)
    report = drain_year(dataclasses.replace(office.desk(ExtractiveModel()), deciders=6), 2021)

    assert report == DrainReport(decided=30)
    assert sorted(office.recorded()) == sorted(questions)


def test_decision_edges_and_entry_stand_or_fall_together_and_the_others_go_on(office: Office) -> None:
    office.ask(CUSTODY, RESERVE, LEVERAGE)
    keyring = BrokenKeyring(office.deployment.keyring, 2, RuntimeError("no key"))
    report = drain_year(dataclasses.replace(office.desk(ExtractiveModel()), keyring=keyring), 2021)

    (why,) = report.postponed.values()
    assert (report.decided, why.partition(":")[0]) == (2, "RuntimeError in test_drain")
    assert office.work()[LEVERAGE] == ("queued", why)
    assert office.recorded() == [CUSTODY, RESERVE]
    assert drain_year(office.desk(ExtractiveModel()), 2021) == DrainReport(decided=1)
    assert office.recorded() == [CUSTODY, RESERVE, LEVERAGE]


def test_without_the_master_key_nobody_can_say_what_is_in_production_so_no_drain_begins(office: Office) -> None:
    office.ask(CUSTODY)
    provider = Scripted()
    keyless = dataclasses.replace(office.desk(provider), keyring=Keyring(Path("/nowhere/master.key")))
    with pytest.raises(DependencyUnavailable, match="the master key is not usable") as refused:
        drain_year(keyless, 2021)

    assert provider.calls == 0
    assert office.work() == {CUSTODY: ("queued", str(refused.value))}
    assert drain_year(office.desk(provider), 2021) == DrainReport(decided=1)


def test_a_master_key_that_is_lost_meanwhile_leaves_the_work_queued_and_the_reason_says_so(office: Office) -> None:
    office.ask(CUSTODY, RESERVE)
    keyring = BrokenKeyring(office.deployment.keyring, 1, NO_KEY)
    report = drain_year(dataclasses.replace(office.desk(ExtractiveModel()), keyring=keyring), 2021)

    assert report.decided == 1
    assert office.work() == {CUSTODY: ("done", None), RESERVE: ("queued", str(NO_KEY))}
    assert office.recorded() == [CUSTODY]


def test_two_drains_at_once_decide_each_question_once(office: Office) -> None:
    questions = [f"{CUSTODY} ({number})" for number in range(24)]
    office.ask(*questions)
    reports: list[DrainReport] = []
    failures: list[BaseException] = []

    def work() -> None:
        own = Deployment(office.deployment.settings)
        try:
            reports.append(drain_year(own.desk, 2021))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert sum(report.decided for report in reports) == len(questions)
    assert sorted(office.recorded()) == sorted(questions)
    assert set(office.work().values()) == {("done", None)}


def test_of_two_first_drains_at_once_one_installs_the_release_and_the_other_finds_it(deployment: Deployment) -> None:
    with ThreadPoolExecutor(2) as pool, deployment.postgres.connect() as conn:
        releases.hold_pointer(conn)
        drains = [pool.submit(drain_year, Deployment(deployment.settings).desk, year) for year in (2021, 2022)]
        deadline, waiting = time.monotonic() + 30, "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while conn.execute(waiting).fetchone() != (2,):
            assert time.monotonic() < deadline, "they do not wait"
            time.sleep(0.01)
        conn.commit()
        assert [drain.result(60) for drain in drains] == [DrainReport(), DrainReport()]
        assert [entry.kind for entry in ledger.entries(conn)] == ["router_map_approval", "release_installed"]


def test_an_answer_with_a_character_that_no_database_holds_is_recorded_and_the_ledger_stays_verifiable(
    office: Office,
) -> None:
    office.ask(CUSTODY, RESERVE)
    hostile = canonical_json(
        {
            "decision": "answered",
            "confidence": 1,
            "segments": [{"text": "\x00", "cited_chunk_ids": ["ck_\x00"]}],
            "citations": [{"chunk_id": "ck_\x00", "quote": "\x00"}],
            "\x00": "\x00",
        }
    ).decode()
    drain_year(office.desk(Scripted({"Northwind": hostile})), 2021)

    state, reason = office.work()[CUSTODY]
    assert state == "review"
    assert "answer_malformed" in str(reason)
    assert office.recorded() == [CUSTODY, RESERVE]


def test_a_citation_that_does_not_stand_in_its_document_is_found_by_the_check(office: Office) -> None:
    office.ask(CUSTODY)
    drain_year(office.desk(ExtractiveModel()), 2021)
    with office.deployment.postgres.connect() as conn:
        (decided,) = conn.execute("SELECT response_id FROM compliance.decisions").fetchall()
        conn.execute("UPDATE compliance.documents SET raw_text = replace(raw_text, 'Harbour', 'Haarbor')")
        found = store.wrong_citations(conn, office.deployment.keyring, 2021)
        conn.rollback()

    assert found == list(decided)


class OtherEmbedder(HashEmbedder):
    """What a release was promoted with before the year was indexed again."""

    name = "other"
    digest = "f" * 64


def test_no_decision_rests_on_an_index_of_another_embedder_than_its_release_pins(office: Office) -> None:
    desk, item = office.desk(ExtractiveModel()), WorkItem("ddq.draft_response", 2021, CUSTODY)
    with office.deployment.postgres.connect() as conn:
        release = served(desk, conn).release
        assert rehearsed(desk, release, conn, item).evidence.hits
        with pytest.raises(DependencyUnavailable, match="still the one of another embedder"):
            rehearsed(dataclasses.replace(desk, embedder=OtherEmbedder()), release, conn, item)
