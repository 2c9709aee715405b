"""A year with an index, and a way to ask of it."""

import dataclasses
import json

import pytest

from compliance_assets.audit_ledger import store as ledger_store
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.releases.serving import running_of, served
from compliance_assets.model_decisions.work import WorkItem
from resources.clock import system_clock
from tests.model_decisions.builders import OneModel, Only
from tests.small_corpus import SmallCorpus


class Office:
    """A deployment as seen by who asks: questions in, what became of them out."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.corpus = SmallCorpus(deployment)

    def desk(self, provider: OneModel) -> Desk:
        return dataclasses.replace(self.deployment.desk, models=Only(provider))

    def ask(self, *questions: str, year: int = 2021, ids: bool = True) -> list[WorkItem]:
        items = [
            WorkItem("ddq.draft_response", year, question, item_id=f"q{number}" if ids else None)
            for number, question in enumerate(questions, start=1)
        ]
        with self.deployment.postgres.connect() as conn:
            store.enqueue(conn, items)
        return items

    def work(self) -> dict[str, tuple[str, str | None]]:
        """question -> (state, reason)."""
        with self.deployment.postgres.connect() as conn:
            rows = conn.execute("SELECT input::jsonb ->> 'question', state, reason FROM compliance.work_items")
            return {question: (state, reason) for question, state, reason in rows}

    def bodies(self) -> list[dict[str, object]]:
        """The clear bodies of the decisions' entries, in order."""
        with self.deployment.postgres.connect() as conn:
            return [json.loads(e.body) for e in ledger_store.entries(conn) if e.kind == "decision"]

    def prompts(self) -> list[str]:
        """What the models were sent, in the order of the ledger."""
        with self.deployment.postgres.connect() as conn:
            entries = [entry for entry in ledger_store.entries(conn) if entry.kind == "decision"]
            opened = ledger_store.contents(conn, self.deployment.keyring, entries)
        return [str(opened[entry.seq].as_json()["prompt"]) for entry in entries]

    def promote(self, bundle: ReleaseBundle) -> str:
        """Put a release with the files into production as a promotion does, without what has to come before; its id."""
        desk = self.deployment.desk
        with self.deployment.postgres.connect() as conn:
            now = served(desk, conn)
            release = bundle.manifest(running_of(desk.embedder))
            releases.keep(conn, release, bundle)
            releases.move(
                conn, desk.keyring, "release_promoted", release.release_id, {}, "Change Board", system_clock(),
                instead_of=now.release.release_id,
            )  # fmt: skip
        return release.release_id

    def waits(self) -> list[dict[str, object]]:
        """What the ledger says of work that had to wait, in order."""
        with self.deployment.postgres.connect() as conn:
            return [json.loads(e.body) for e in ledger_store.entries_of_kind(conn, "work_postponed")]

    def recorded(self) -> list[str]:
        """The questions decided, in the order of the ledger; every decision is held against its entry and edges."""
        with self.deployment.postgres.connect() as conn:
            assert verify_ledger(conn, self.deployment.keyring, self.deployment.postgres.organization_id).verified
        with self.deployment.postgres.connect() as conn:
            entries = [entry for entry in ledger_store.entries(conn) if entry.kind == "decision"]
            contents = ledger_store.contents(conn, self.deployment.keyring, entries)
            decisions = conn.execute("SELECT response_id FROM compliance.decisions").fetchall()
            touched = conn.execute("SELECT DISTINCT response_id FROM compliance.decision_documents").fetchall()
            assert sorted(entry.subject_id for entry in entries) == sorted(response for (response,) in decisions)
            assert set(touched) <= set(decisions)
        return [str(content.as_json()["input"]["question"]) for content in contents.values() if content]  # type: ignore[index]


@pytest.fixture
def office(deployment: Deployment) -> Office:
    """2021 is indexed, 2022 has no document."""
    made = Office(deployment)
    made.corpus.add(2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent.")
    made.corpus.add(2021, "Leverage of the fund stays below two hundred percent of its net assets.")
    made.corpus.build(2021)
    drain_year(made.desk(ExtractiveModel()), 2021)  # the shipped release is installed
    return made
