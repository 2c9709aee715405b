"""The verb of a process that only works: as many of them as there are machines for it."""

import signal
import threading
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, verb

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@verb
@click.option("--until-idle", is_flag=True, help="End when nothing is left to do, instead of waiting for more.")
def work(deployment: "Deployment", until_idle: bool) -> Result:
    """Chunk and encode what others read, beside any number of processes that do the same. An interrupt ends it after its batch."""
    deployment.prepare()
    done = deployment.ahead.until_idle() if until_idle else deployment.ahead.serve(_interrupt())
    found = {"documents_chunked": done.documents_chunked, "texts_encoded": done.texts_encoded}
    return (
        found,
        terminal.say(f"{done.documents_chunked:,} documents chunked, {done.texts_encoded:,} texts encoded."),
        0,
    )


def _interrupt() -> threading.Event:
    """Set by the signals that ask a process to end."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    return asked
