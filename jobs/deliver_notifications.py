"""The job `deliver_notifications`: sends what the outbox holds. Where to, only the settings know."""

import dagster as dg

from compliance_assets import policies
from compliance_assets.review.notifications import Recipients, deliver
from resources.clock import system_clock
from resources.keyring import Keyring
from resources.postgres import Postgres


@dg.op(retry_policy=policies.RETRY_TRANSIENT)
def deliver_due(
    context: dg.OpExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    recipients: dg.ResourceParam[Recipients],
) -> None:
    """Send what is due; what a target does not take is tried again later, and at last becomes an incident."""
    done = deliver(postgres, keyring, system_clock, recipients)
    context.log.info(f"{done.delivered} delivered, {done.put_off} put off, {done.dead} dead")
    for target, why in done.failed_targets.items():
        context.log.warning(f"{target}: {why}")


@dg.job(name="deliver_notifications", description="Tell reviewers and systems what the outbox holds: at least once.")
def deliver_notifications() -> None:
    """One op: the outbox is the only state."""
    deliver_due()
