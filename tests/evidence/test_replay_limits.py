"""What a route asks for, its limit of context and its flags, in the evidence: replayed byte for byte, proved by a dossier."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.dossier.write import write_dossier
from compliance_assets.evidence.replay import replay_all
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.router_map import Flags, Route, RouterMap
from compliance_assets.model_decisions.router_store import approve
from compliance_assets.model_decisions.work import WorkItem
from resources.clock import system_clock
from resources.settings import Settings
from tests.small_corpus import SmallCorpus

QUESTION = "Where are the assets of Northwind held?"


@pytest.fixture
def limited(settings: Settings, request: pytest.FixtureRequest) -> Deployment:
    """A deployment whose route for questions takes `request.param` tokens."""
    made = Deployment(settings)
    flags = Flags(require_citations=True, enable_chunk_provenance=True)
    route = Route(primary="local/extractive-v1", temperature=0.0, max_context=request.param, flags=flags)
    routes = RouterMap(routes={**made.router_map.routes, "ddq.draft_response": route})
    made.__dict__["router_map"] = routes
    made.prepare()
    with made.postgres.connect() as conn:
        approve(conn, made.keyring, routes, "Head of Compliance", system_clock)
    corpus = SmallCorpus(made)
    for bank in ("Harbour", "Meadow", "River", "Summit"):
        corpus.add(2021, f"The assets of Northwind are held by {bank} Bank in segregated accounts. " * 8)
    corpus.build(2021)
    with made.postgres.connect() as conn:
        store.enqueue(conn, [WorkItem("ddq.draft_response", 2021, QUESTION)])
    drain_year(made.desk, 2021)
    return made


def body_of(deployment: Deployment) -> dict[str, object]:
    with deployment.postgres.connect() as conn:
        (entry,) = [entry for entry in ledger.entries(conn) if entry.kind == "decision"]
    body: dict[str, object] = json.loads(entry.body)
    return body


@pytest.mark.parametrize("limited", [1_600], indirect=True)
def test_a_decision_on_what_fitted_comes_out_again_byte_for_byte(limited: Deployment) -> None:
    body = body_of(limited)
    assert body["outcome"] == "decided"
    assert body["passages_left_out"] in (1, 2, 3)
    assert replay_all(limited.archive).equal


@pytest.mark.parametrize("limited", [200], indirect=True)
def test_what_never_fitted_comes_out_again_byte_for_byte(limited: Deployment) -> None:
    body = body_of(limited)
    assert (body["outcome"], body["reason"], body["model"]) == ("review", "context_too_long", "local/extractive-v1")
    assert replay_all(limited.archive).equal


@pytest.mark.parametrize("limited", [1_600], indirect=True)
def test_a_dossier_proves_a_decision_on_what_fitted(limited: Deployment, tmp_path: Path) -> None:
    checkpoint_ledger(limited.postgres, limited.keyring, limited.checkpoint_log)
    with limited.postgres.connect() as conn:
        (entry,) = [entry for entry in ledger.entries(conn) if entry.kind == "decision"]
    write_dossier(limited.archive, entry.subject_id, tmp_path / "dossier.zip")
    zipfile.ZipFile(tmp_path / "dossier.zip").extractall(tmp_path / "open")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py"], cwd=tmp_path / "open", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
