"""A deployment whose ledger holds three decisions of the real drain; and a superuser's way around the triggers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from compliance_assets.audit_ledger.verify import Verification, verify_ledger
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.work import WorkItem
from resources.postgres import Connection
from tests.small_corpus import SmallCorpus

QUESTIONS = (
    "Where are the assets of Northwind held?",
    "What reserve does the fund keep?",
    "Who sailed around the cape in winter?",
)

#: The entries of a `filled` ledger: the index of 2021 is put in place, the first drain approves the shipped router map and
#: installs the shipped release, and the three questions are decided.
INDEX_IN_PLACE, MAP_APPROVED, RELEASE_INSTALLED, FIRST, SECOND, THIRD = ENTRIES = range(1, 7)


@pytest.fixture
def filled(deployment: Deployment) -> Deployment:
    """An index, the shipped release in production, and three decisions: `ENTRIES`, of which THIRD is the last."""
    corpus = SmallCorpus(deployment)
    corpus.add(2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent.")
    corpus.build(2021)
    with deployment.postgres.connect() as conn:
        items = [WorkItem("ddq.draft_response", 2021, question) for question in QUESTIONS]
        decision_store.enqueue(conn, items)
    assert drain_year(deployment.desk, 2021).decided == 3
    return deployment


def verify(deployment: Deployment) -> Verification:
    published = deployment.checkpoint_log.notes(deployment.postgres.organization_id)
    with deployment.postgres.connect() as conn:
        return verify_ledger(conn, deployment.keyring, deployment.postgres.organization_id, published)


@contextmanager
def as_superuser_without_trigger(deployment: Deployment) -> Iterator[Connection]:
    """One transaction, so that the trigger is on again however it ends; row-level security does not hold here."""
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("ALTER TABLE compliance.ledger_entries DISABLE TRIGGER append_only")
        yield owner
        owner.execute("ALTER TABLE compliance.ledger_entries ENABLE TRIGGER append_only")
    with deployment.postgres.connect_as_owner() as owner:
        states = owner.execute("SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname LIKE 'append_only%'").fetchall()
        assert states == [("O",)]
