"""Work claimed in batches with FOR UPDATE SKIP LOCKED: any number of processes share it, none does another's."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from resources.postgres import Connection, Postgres

POLL_SECONDS = 0.2
T = TypeVar("T")


def drain(
    postgres: Postgres,
    claim: Callable[[Connection], Sequence[T]],
    count_pending: Callable[[Connection], int],
    work: Callable[[Connection, Sequence[T]], None],
) -> int:
    """Claim and work off batches until nothing is pending; returns how many items this process did.

    A batch is one transaction: its rows stay locked until its results are committed, so a killed process loses one batch
    and nothing is half done. Rows that another process holds are waited for: the next room needs all of them.
    """
    done = 0
    while True:
        with postgres.connect() as conn:
            batch = claim(conn)
            if batch:
                work(conn, batch)
                done += len(batch)
                continue
            held_by_others = count_pending(conn)
        if not held_by_others:
            return done
        time.sleep(POLL_SECONDS)
