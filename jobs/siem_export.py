"""The job `export_to_siem`: serves one sink, or every sink of the settings. Where sinks are, only the settings know."""

import dagster as dg

from compliance_assets import policies
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.evidence.exports.deliver import deliver
from compliance_assets.evidence.exports.sinks import sink_from
from resources.postgres import Postgres
from resources.settings import Settings


class Destination(dg.Config):
    """A sink of the settings by its name, which holds no password: configuration is kept in the event log for ever."""

    format: str = ""
    sink: str = ""


@dg.op(retry_policy=policies.RETRY_TRANSIENT)
def deliver_to_sinks(
    context: dg.OpExecutionContext,
    config: Destination,
    postgres: dg.ResourceParam[Postgres],
    settings: dg.ResourceParam[Settings],
) -> None:
    """Send what the sink does not have yet; without a sink, to all of them."""
    for format, url in settings.siem_sinks:
        name = sink_from(url).name
        if config.sink and (format, name) != (config.format, config.sink):
            continue
        try:
            done = deliver(postgres, url, format)
        except (InvalidInput, IntegrityError) as problem:  # the same attempt again finds the same
            raise dg.Failure(str(problem), allow_retries=False) from problem
        context.log.info(f"{format} to {name}: {done.count} entries, up to {done.to_seq}")


@dg.job(description="Send what SIEMs do not have yet of the ledger: at least once, in order, without a gap.")
def export_to_siem() -> None:
    """One op: a sink's cursor is the only state."""
    deliver_to_sinks()
