"""The sensor, tick by tick, on a real ledger."""

import dagster as dg

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.deployment import Deployment
from sensors.ledger_watch import ledger_watch
from tests.audit_ledger.conftest import as_superuser_without_trigger


def tick(deployment: Deployment, instance: dg.DagsterInstance) -> tuple[str, str | None]:
    """(what the sensor says, its cursor)."""
    with dg.build_sensor_context(instance=instance, resources={"archive": deployment.archive}) as context:
        skipped = ledger_watch(context)
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message), context.cursor


def test_a_tick_says_how_far_the_ledger_holds_and_what_does_not(deployment: Deployment) -> None:
    entry = NewEntry(2021, "note", "2021-01-01T00:00:00.000000Z", "test", "subject", {})
    with deployment.postgres.connect() as conn:
        written = ledger.append(conn, deployment.keyring, entry)
    with dg.DagsterInstance.ephemeral() as instance:
        said, cursor = tick(deployment, instance)
        assert said == "The ledger holds up to entry 1, and every pointer is where it says."
        assert cursor == f"1/{written.entry_hash}"

        with as_superuser_without_trigger(deployment) as owner:
            owner.execute(
                "UPDATE compliance.ledger_entries SET actor = 'somebody else' WHERE organization_id = %s",
                [deployment.postgres.organization_id],
            )
        with deployment.postgres.connect() as conn:
            ledger.append(conn, deployment.keyring, entry)
        said, cursor = tick(deployment, instance)
        assert said == "Alarms: 1. `compliance incidents` shows them."
        assert (cursor or "").startswith("3/"), "the incident is an entry too"


def test_it_is_stopped_until_somebody_starts_it() -> None:
    assert ledger_watch.default_status is dg.DefaultSensorStatus.STOPPED
    assert ledger_watch.minimum_interval_seconds == 60
