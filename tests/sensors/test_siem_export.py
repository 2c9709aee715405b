"""The sensor and its job, tick by tick, on a real ledger and a real file."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

import sensors.siem_export
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.deployment import Deployment
from jobs.siem_export import export_to_siem
from resources.settings import Settings
from sensors.siem_export import siem_export


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands still; its one element is the time."""
    moment = [datetime(2026, 1, 2, 3, 0, tzinfo=UTC)]
    monkeypatch.setattr(sensors.siem_export, "system_clock", lambda: moment[0])
    return moment


@pytest.fixture
def watched(settings: Settings, tmp_path: Path) -> Deployment:
    """A deployment with two sinks."""
    sinks = (("ocsf", (tmp_path / "ledger.ocsf").as_uri()), ("cef", (tmp_path / "ledger.cef").as_uri()))
    made = Deployment(dataclasses.replace(settings, siem_sinks=sinks))
    made.prepare()
    return made


def fill(deployment: Deployment, count: int) -> None:
    entry = NewEntry(2021, "pointer", "2026-01-02T03:04:05.678901Z", "compliance", "year_index/2021", {"value": "idx"})
    with deployment.postgres.connect() as conn:
        ledger.append_all(conn, deployment.keyring, [entry] * count)


def definitions(deployment: Deployment) -> dg.Definitions:
    return dg.Definitions(jobs=[export_to_siem], sensors=[siem_export], resources=deployment.resources())


def tick(deployment: Deployment, instance: dg.DagsterInstance) -> dict[str, dict[str, object]]:
    """run_key -> the configuration of what the sensor requests."""
    result = evaluated(deployment, instance)
    assert isinstance(result, dg.SensorResult)
    return {str(request.run_key): dict(request.run_config) for request in result.run_requests or ()}


def reason(deployment: Deployment, instance: dg.DagsterInstance) -> str:
    """Why the sensor requests nothing."""
    skipped = evaluated(deployment, instance)
    assert isinstance(skipped, dg.SkipReason)
    return str(skipped.skip_message)


def evaluated(deployment: Deployment, instance: dg.DagsterInstance) -> object:
    with dg.build_sensor_context(
        instance=instance, definitions=definitions(deployment), resources=deployment.resources()
    ) as context:
        return siem_export(context)


def run(deployment: Deployment, instance: dg.DagsterInstance, config: dict[str, object] | None = None) -> bool:
    job = definitions(deployment).resolve_job_def("export_to_siem")
    return job.execute_in_process(instance=instance, run_config=config, raise_on_error=False).success


def test_one_run_is_requested_for_each_sink_that_is_behind_until_it_has_everything(
    watched: Deployment, tmp_path: Path, now: list[datetime]
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert reason(watched, instance) == "Every sink has the whole ledger."

        fill(watched, 3)
        first = tick(watched, instance)
        assert [key.split("|")[0] for key in first] == ["ocsf", "cef"]
        assert tick(watched, instance) == first, "the same head asks for the same runs: each runs once"

        to_ocsf, to_cef = first.values()
        assert run(watched, instance, to_ocsf)
        assert [
            json.loads(line)["metadata"]["sequence"] for line in (tmp_path / "ledger.ocsf").read_text().splitlines()
        ] == [1, 2, 3]
        assert not (tmp_path / "ledger.cef").exists()
        assert list(tick(watched, instance).values()) == [to_cef]

        assert run(watched, instance, to_cef)
        assert reason(watched, instance) == "Every sink has the whole ledger."

        fill(watched, 1)
        assert tick(watched, instance).keys().isdisjoint(first)


def test_a_sink_that_was_down_is_asked_for_again_in_the_next_quarter_of_an_hour(
    watched: Deployment, now: list[datetime]
) -> None:
    fill(watched, 1)
    with dg.DagsterInstance.ephemeral() as instance:
        first = tick(watched, instance)
        now[0] += timedelta(minutes=14)
        assert tick(watched, instance) == first
        now[0] += timedelta(minutes=1)
        assert tick(watched, instance).keys().isdisjoint(first)


def test_started_by_hand_the_job_serves_every_sink(watched: Deployment, tmp_path: Path) -> None:
    fill(watched, 2)
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(watched, instance)
        assert run(watched, instance)
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("ledger.ocsf", "ledger.cef")] == [2, 2]


def test_without_sinks_nothing_is_requested(deployment: Deployment) -> None:
    fill(deployment, 1)
    with dg.DagsterInstance.ephemeral() as instance:
        assert reason(deployment, instance) == "No sink is configured."


def test_a_password_stands_in_no_request(settings: Settings) -> None:
    made = Deployment(dataclasses.replace(settings, siem_sinks=(("cef", "https://siem:secret@127.0.0.1:9/in"),)))
    made.prepare()
    fill(made, 1)
    with dg.DagsterInstance.ephemeral() as instance:
        ((key, config),) = tick(made, instance).items()
    assert "secret" not in key + json.dumps(config)
    assert "https://127.0.0.1:9/in" in key


def test_a_broken_ledger_fails_the_run_at_once(watched: Deployment, tmp_path: Path) -> None:
    fill(watched, 3)
    with watched.postgres.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq = 2",
            [watched.settings.organization_id],
        )
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions(watched).resolve_job_def("export_to_siem")
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert not any(event.is_step_up_for_retry for event in result.all_events), "another attempt finds the same gap"
    assert not (tmp_path / "ledger.ocsf").exists()


def test_the_sensor_starts_only_when_a_deployment_starts_it() -> None:
    assert siem_export.default_status is dg.DefaultSensorStatus.STOPPED
