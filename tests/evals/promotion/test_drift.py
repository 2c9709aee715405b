"""MLflow's alias is a mirror: moved by hand it is put back, away it stops nobody."""

import dataclasses
from pathlib import Path

import dagster as dg
import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.review.incidents import Incident, incidents
from evals.promotion.drift import look_and_put_back
from evals.promotion.promote import mirror, promote
from evals.promotion.rollback import rollback
from evals.tracking.prompts import expected_aliases, prompts_of
from resources.tracking import Tracking
from sensors.pointer_drift import pointer_drift
from tests.evals.promotion.scene import ANA, Scene


@pytest.fixture
def mirrored(deployment: Deployment, tmp_path: Path) -> Scene:
    """A scene whose releases MLflow shows."""
    scene = Scene(deployment)
    tracking = Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "artifacts")
    scene.control = dataclasses.replace(scene.control, tracking=tracking)
    assert mirror(scene.control, scene.installed.release_id, scene.desk.bundle) is None
    return scene


def aliases(scene: Scene) -> dict[str, str]:
    assert scene.control.tracking is not None
    return scene.control.tracking.aliases()


def told(scene: Scene) -> list[Incident]:
    with scene.connect() as conn:
        return incidents(conn)


def test_the_mirror_follows_and_an_alias_that_is_moved_by_hand_is_put_back_with_an_incident(mirrored: Scene) -> None:
    from mlflow import MlflowClient

    candidate = mirrored.changed("Seja breve.")
    ready = mirrored.approved(mirrored.soaked(mirrored.staged(candidate)))
    assert promote(mirrored.control, ready).not_mirrored is None
    assert aliases(mirrored) == expected_aliases(candidate)
    assert look_and_put_back(mirrored.control) == ()

    assert mirrored.control.tracking is not None
    name = prompts_of(candidate)["irpf.triage"].name
    uri = mirrored.control.tracking.uri
    MlflowClient(tracking_uri=uri, registry_uri=uri).set_prompt_alias(name, "production", 1)
    assert aliases(mirrored) != expected_aliases(candidate)
    with dg.build_sensor_context(resources={"change_control": mirrored.control}) as context:
        skipped = pointer_drift(context)
    assert isinstance(skipped, dg.SkipReason)
    assert "Moved by hand: 1" in str(skipped.skip_message)
    assert aliases(mirrored) == expected_aliases(candidate)
    (incident,) = told(mirrored)
    assert (incident.kind, incident.detail["what"], incident.detail["put_back"]) == (
        "pointer_moved",
        "MLflow alias",
        True,
    )
    assert mirrored.production() == ready, "what decides never followed the alias"

    assert rollback(mirrored.control, ANA, "It errs.").not_mirrored is None
    assert aliases(mirrored) == expected_aliases(mirrored.desk.bundle)


def test_a_mirror_that_is_away_stops_no_release_and_is_no_incident(deployment: Deployment, tmp_path: Path) -> None:
    scene = Scene(deployment)
    away = Tracking("http://127.0.0.1:9/", tmp_path, seconds=2.0)
    scene.control = dataclasses.replace(scene.control, tracking=away)
    done = scene.promote("Seja breve.")
    assert done.not_mirrored
    assert scene.production() == done.release_id
    assert look_and_put_back(scene.control) == ()
    assert told(scene) == []
