import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.audit_ledger import checkpoints, store
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.assets import worm_replica
from compliance_assets.evidence.checks import replica_locked, replica_parity
from jobs.replicate import replicate_ledger, replicate_nightly
from tests.worm_stores import AZURE_URL, local_azure, release, worm_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with worm_folder() as made:
        yield made / "worm"


@pytest.fixture
def ledger(deployment: Deployment, folder: Path) -> Deployment:
    """Two entries and the one that names the key, under a checkpoint; the replica goes into a folder."""
    with deployment.postgres.connect() as conn:
        new = NewEntry(2021, "incident", "2026-11-26T02:30:00.000000Z", "tester", "inc", {})
        store.append_all(conn, deployment.keyring, [new, new])
        checkpoints.sign_checkpoint(conn, deployment.keyring)
    return at(deployment, folder.as_uri())


def at(deployment: Deployment, url: str) -> Deployment:
    return Deployment(dataclasses.replace(deployment.settings, worm_url=url))


def run(deployment: Deployment) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[worm_replica],
        asset_checks=[replica_parity, replica_locked],
        resources=deployment.resources(),
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=instance, raise_on_error=False)


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def test_the_asset_says_what_it_holds_where_and_until_when(ledger: Deployment, folder: Path) -> None:
    result = run(ledger)
    assert result.success
    (event,) = result.get_asset_materialization_events()
    told = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (told["objects"], told["ledger/up_to_seq"], told["written/objects"]) == (3, 3, 3)
    assert told["store"] == folder.as_uri()
    assert str(told["retained_until"]) > "2031"
    checks = checks_of(result)
    assert checks["replica_parity"].passed
    assert checks["replica_parity"].blocking


def test_a_changed_replica_fails_its_check_and_the_object_is_named(ledger: Deployment, folder: Path) -> None:
    assert run(ledger).success
    release(folder)
    (changed,) = folder.rglob("key.txt")
    changed.write_text("another\n")
    result = run(ledger)
    parity = checks_of(result)["replica_parity"]
    assert (result.success, parity.passed, parity.severity) == (False, False, dg.AssetCheckSeverity.ERROR)
    table = parity.metadata["found"]
    assert isinstance(table, dg.TableMetadataValue)
    assert ("key.txt", "the object was changed") in {(row.data["name"], row.data["problem"]) for row in table.records}


def test_a_store_that_locks_passes_and_one_that_only_says_so_fails(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_azure(monkeypatch) as azure:
        good = checks_of(run(at(ledger, AZURE_URL)))["replica_locked"]
        azure.enforces = False
        bad = checks_of(run(at(ledger, AZURE_URL)))["replica_locked"]
    assert (good.passed, good.metadata["mode"].value, good.metadata["permitted"].value) == (True, "Locked", "none")
    assert (bad.passed, bad.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_folder_that_does_not_hold_its_owner_back_is_a_warning(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root passes by permissions")
    monkeypatch.setattr("resources.worm_folder._set_immutable", lambda path, immutable: None)
    result = run(ledger)
    locked = checks_of(result)["replica_locked"]
    assert (result.success, locked.passed, locked.severity) == (True, False, dg.AssetCheckSeverity.WARN)
    assert locked.metadata["permitted"].value == "overwrite, delete"


def test_every_night_is_off_until_somebody_turns_it_on() -> None:
    assert (replicate_nightly.cron_schedule, replicate_nightly.default_status) == (
        "30 2 * * *",
        dg.DefaultScheduleStatus.STOPPED,
    )
    assert (replicate_nightly.job_name, replicate_ledger.name) == ("replicate_ledger", "replicate_ledger")
    assert worm_replica.asset_deps[keys.WORM_REPLICA] == {keys.LEDGER_CHECKPOINTS}
