"""Real traffic, decided again by a candidate that soaks; nothing of it is a decision."""

import dataclasses
import json

import dagster as dg
import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from evals.promotion import store
from evals.promotion.candidacy import OBSERVED
from evals.promotion.shadow import observe, observe_all
from evals.promotion.soak import MOST_SHADOW_DECISIONS_AT_ONCE
from jobs.shadow_decisions import shadow_decisions
from resources.providers import Completion
from tests.evals.promotion.scene import Scene
from tests.model_decisions.builders import Only
from tests.model_decisions.conftest import Office

QUESTION = "Where are the assets of Northwind held?"


class Away:
    """A provider that answers nobody."""

    model = "fake/away"

    def complete(self, prompt: str) -> Completion:
        raise DependencyUnavailable("the model is away", expected="it", found="nobody", remedy="Wait.")


class Street:
    """An office that decides, and a candidate that looks over its shoulder."""

    def __init__(self, deployment: Deployment) -> None:
        self.office, self.scene = Office(deployment), Scene(deployment)
        self.office.corpus.add(2021, "The assets of Northwind are held by Harbour Bank.")
        self.office.corpus.build(2021)
        self.scene.control = dataclasses.replace(self.scene.control, desk=self.desk())

    def desk(self) -> Desk:
        models = self.office.desk(ExtractiveModel()).models
        return dataclasses.replace(self.scene.desk, models=models)

    def traffic(self, count: int, tag: str = "") -> None:
        self.office.ask(*(f"{QUESTION} ({tag}{number})" for number in range(count)))
        drain_year(self.office.desk(ExtractiveModel()), 2021)

    def unsure(self) -> ReleaseBundle:
        """The shipped files, but no answer to a questionnaire goes out without a person."""
        bundle = self.scene.desk.bundle
        name = "workloads/ddq.draft_response.json"
        workload = json.loads(bundle.files[name])
        workload["thresholds"]["auto_decide"] = None
        return bundle.with_files({name: json.dumps(workload).encode()})

    def decisions(self) -> int:
        with self.scene.connect() as conn:
            row = conn.execute("SELECT count(*) FROM compliance.decisions").fetchone()
        assert row is not None
        return int(row[0])

    def bodies(self) -> list[dict[str, object]]:
        with self.scene.connect() as conn:
            return [ledger.body_of(entry) for entry in ledger.entries_of_kind(conn, OBSERVED)]


@pytest.fixture
def street(deployment: Deployment) -> Street:
    return Street(deployment)


def test_what_was_decided_since_the_last_look_is_decided_again_and_only_counted(street: Street) -> None:
    street.traffic(3, "before")
    street.scene.staged(street.scene.changed("Seja breve."))
    street.traffic(4, "after")
    street.scene.clocks.pass_(3_600)
    (first,) = observe_all(street.scene.control)
    assert (first.seen.decided, first.seen.shadow, first.seen.differing) == (4, 4, ())

    street.scene.clocks.pass_(3_600)
    (second,) = observe_all(street.scene.control)
    assert (second.seen.decided, second.seen.shadow) == (0, 0)
    assert (second.soak.observations, second.soak.credited_seconds) == (2, 3_600), (
        "an empty hour waits for more traffic"
    )
    assert street.decisions() == 7
    with street.scene.connect() as conn:
        assert verify_ledger(conn, street.scene.desk.keyring, street.scene.deployment.postgres.organization_id).verified


def test_what_comes_out_otherwise_is_kept_by_its_id_and_nothing_of_its_text(street: Street) -> None:
    shipped = {name: workload.digest for name, workload in street.scene.desk.bundle.workloads.items()}
    release_id = street.scene.staged(street.unsure(), contracts=shipped)  # as if the gate measured that workload
    street.traffic(2)
    (seen,) = observe_all(street.scene.control)
    with street.scene.connect() as conn:
        made = {response for (response,) in conn.execute("SELECT response_id FROM compliance.decisions").fetchall()}
    assert {*seen.seen.differing} == made
    (body,) = street.bodies()
    assert body["differing_in"] == {"decision": 0, "outcome": 2, "fields": 0}
    assert "Northwind" not in json.dumps(body)
    assert seen.release_id == release_id


def test_of_much_traffic_a_sample_is_decided_again(street: Street) -> None:
    street.scene.staged(street.scene.changed("Seja breve."))
    street.traffic(MOST_SHADOW_DECISIONS_AT_ONCE + 5)
    (seen,) = observe_all(street.scene.control)
    assert (seen.seen.decided, seen.seen.shadow) == (MOST_SHADOW_DECISIONS_AT_ONCE + 5, MOST_SHADOW_DECISIONS_AT_ONCE)


def test_a_candidate_whose_model_is_away_does_not_soak(street: Street) -> None:
    street.scene.staged(street.scene.changed("Seja breve."))
    street.traffic(2)
    street.scene.clocks.pass_(3_600)
    desk = dataclasses.replace(street.scene.control.desk, models=Only(Away()))  # type: ignore[arg-type]
    (seen,) = observe_all(dataclasses.replace(street.scene.control, desk=desk))
    assert (seen.seen.shadow, seen.seen.unanswered, seen.soak.credited_seconds) == (0, 2, 0)


def test_of_two_looks_at_once_one_counts(street: Street) -> None:
    release_id = street.scene.staged(street.scene.changed("Seja breve."))
    with street.scene.connect() as conn:
        candidate = store.candidacy(conn, street.scene.desk.keyring, release_id)
    assert observe(street.scene.control, candidate) is not None
    assert observe(street.scene.control, candidate) is None
    assert len(street.bodies()) == 1


def test_the_hourly_job_looks_and_says_what_it_saw(street: Street) -> None:
    street.scene.staged(street.scene.changed("Seja breve."))
    street.traffic(2)
    done = shadow_decisions.execute_in_process(
        resources={"change_control": street.scene.control}, instance=dg.DagsterInstance.ephemeral()
    )
    assert done.success
    assert [body["shadow"] for body in street.bodies()] == [2]
