"""`make bench-ledger`: what the ledger costs with everything on, beside a bare chained insert in the same run.

An append is what a decision costs once it is made: sealing its content under its person's key (a new one each), the chain,
the decision's own rows, the commit with fsync; and the signed checkpoint over all of them, tree included, is part of the
time. The decisions are made, and their content is written as canonical JSON, before the clock starts. A bare insert is one
row of 1,500 bytes with an HMAC over it and the one before.

Then the ledger is filled to `--entries`, and what an auditor asks of it is measured there: a whole verification, proofs,
lineage both ways.
"""

import hmac
import json
import multiprocessing
import random
import secrets
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click
import psycopg

from compliance_assets.audit_ledger import checkpoints, merkle
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import leaf_of
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.lineage import lineage_of, touched_by
from compliance_assets.model_decisions.store import Recordable, record_all
from evals.ledger_load import Load, decisions, hits_of, law_of, store_sources
from evals.scratch_deployment import scratch_deployment

WRITERS, BATCH = 4, 50
BARE_BYTES = 1_500
LOAD = Load()
T = TypeVar("T")
FORK = multiprocessing.get_context("fork")  # a writer starts with its decisions already in memory


@click.command()
@click.option("--entries", default=1_000_000, show_default=True, help="How many entries the ledger is filled to.")
@click.option(
    "--appends", default=4_000, show_default=True, help="Appends of a round, one by one; ten times in batches."
)
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/ledger.json"), show_default=True)
def main(entries: int, appends: int, rounds: int, out: Path) -> None:
    """Measure and print; every number goes to OUT."""
    with scratch_deployment() as deployment:
        rates = _append_rates(deployment, appends, rounds)
        size = _fill(deployment, entries)
        found = {
            "entries": size,
            "row": _row_bytes(deployment),
            "rates": rates,
            "verified_per_second": _verified_per_second(deployment, rounds),
            "milliseconds": _latencies(deployment, size),
        }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    _print(found)
    click.echo(f"every number: {out}")


# ── appending ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _append_rates(deployment: Deployment, appends: int, rounds: int) -> dict[str, list[float]]:
    """Entries a second of every round, the bare insert beside the whole thing."""
    start = _Counter()
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for writers, batch, count in ((1, 1, appends), (WRITERS, 1, appends), (WRITERS, BATCH, appends * 10)):
            name = f"{writers} writer{'s' * (writers > 1)}, {'one by one' if batch == 1 else f'batches of {batch}'}"
            rates.setdefault(f"bare, {name}", []).append(_bare_rate(deployment, writers, batch, count))
            rates.setdefault(f"whole, {name}", []).append(_whole_rate(deployment, start, writers, batch, count))
            click.echo(
                f"{name}: " + ", ".join(f"{k.split(',')[0]} {v[-1]:,.0f}/s" for k, v in rates.items() if name in k)
            )
    return rates


class _Counter:
    """Hands out numbers for decisions that no two have."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, count: int) -> int:
        """The first of `count` fresh numbers."""
        self._next += count
        return self._next - count


def _whole_rate(deployment: Deployment, start: _Counter, writers: int, batch: int, count: int) -> float:
    first, each = start.take(count), count // writers
    made = [list(decisions(LOAD, first + at * each, each)) for at in range(writers)]

    def write(own: Sequence[Recordable], ready: Callable[[], object]) -> None:
        fresh = Deployment(deployment.settings)
        with fresh.postgres.connect() as conn:
            record_all(conn, fresh.keyring, own[:1])
            conn.commit()
            ready()
            for at in range(1, len(own), batch):
                record_all(conn, fresh.keyring, own[at : at + batch])
                conn.commit()

    seconds = _timed(write, made)
    started = time.monotonic()
    checkpoints.checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    return (each - 1) * writers / (seconds + time.monotonic() - started)


def _bare_rate(deployment: Deployment, writers: int, batch: int, count: int) -> float:
    """A chain in a table of two columns under one locked head: the floor of what a durable chained append costs here."""
    with deployment.postgres.connect_as_owner() as conn:
        conn.execute("DROP TABLE IF EXISTS public.bare_entries, public.bare_head")
        conn.execute("CREATE TABLE public.bare_entries (seq bigint PRIMARY KEY, body bytea, tag bytea)")
        conn.execute("CREATE TABLE public.bare_head AS SELECT 0::bigint AS seq, '\\x00'::bytea AS tag")

    def write(own: Sequence[bytes], ready: Callable[[], object]) -> None:
        with deployment.postgres.connect_as_owner() as conn:
            _bare_append(conn, own[:1])
            ready()
            for at in range(1, len(own), batch):
                _bare_append(conn, own[at : at + batch])

    each = count // writers
    seconds = _timed(write, [[secrets.token_bytes(BARE_BYTES)] * each for _ in range(writers)])
    return (each - 1) * writers / seconds


def _bare_append(conn: psycopg.Connection, bodies: Sequence[bytes]) -> None:
    row = conn.execute("SELECT seq, tag FROM public.bare_head FOR UPDATE").fetchone()
    assert row is not None
    seq, tag = row
    rows = []
    for body in bodies:
        seq, tag = seq + 1, hmac.digest(b"k" * 32, tag + body, "sha256")
        rows.append((seq, body, tag))
    conn.execute(
        "INSERT INTO public.bare_entries SELECT * FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[])",
        [list(column) for column in zip(*rows, strict=True)],
    )
    conn.execute("UPDATE public.bare_head SET seq = %s, tag = %s", [seq, tag])
    conn.commit()


def _timed(write: Callable[[T, Callable[[], object]], None], shares: Sequence[T]) -> float:
    """Seconds from the moment when every writer is ready until the last one is done."""
    barrier = FORK.Barrier(len(shares) + 1)
    writers = [FORK.Process(target=write, args=(share, barrier.wait)) for share in shares]
    for writer in writers:
        writer.start()
    barrier.wait()
    started = time.monotonic()
    for writer in writers:
        writer.join()
    if any(writer.exitcode for writer in writers):
        raise click.ClickException("a writer failed")
    return time.monotonic() - started


# ── a ledger of a size ───────────────────────────────────────────────────────────────────────────────────────────────


def _fill(deployment: Deployment, entries: int) -> int:
    """Fill the ledger up, in as many processes as there are cores; returns its size under its last checkpoint."""
    with deployment.postgres.connect() as conn:
        missing = entries - ledger.head(conn).seq
    first, processes = 10_000_000, multiprocessing.cpu_count()
    shares = [
        range(first + at * missing // processes, first + (at + 1) * missing // processes) for at in range(processes)
    ]

    def write(share: range, ready: Callable[[], object]) -> None:
        fresh = Deployment(deployment.settings)
        with fresh.postgres.connect() as conn:
            ready()
            for at in range(share.start, share.stop, 500):
                made = list(decisions(LOAD, at, min(500, share.stop - at)))
                record_all(conn, fresh.keyring, made)
                store_sources(conn, made)
                conn.commit()
                if (at - share.start) % 50_000 == 0:
                    click.echo(f"filling: {ledger.head(conn).seq:,} of {entries:,} entries")

    seconds = _timed(write, shares)
    started = time.monotonic()
    signed = checkpoints.checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    assert signed is not None
    click.echo(f"filled to {signed.size:,} entries in {seconds:.0f} s, signed in {time.monotonic() - started:.0f} s")
    with deployment.postgres.connect_as_owner() as conn:
        conn.autocommit = True
        conn.execute("ANALYZE")
    return signed.size


# ── what an auditor asks ─────────────────────────────────────────────────────────────────────────────────────────────


def _row_bytes(deployment: Deployment) -> dict[str, float]:
    """What an entry weighs: its clear body, its sealed content, the tables as they lie on disk."""
    with deployment.postgres.connect_as_owner() as conn:
        row = conn.execute(
            "SELECT avg(length(body)), avg(length(sealed)), count(*) FROM compliance.ledger_entries WHERE seq % 97 = 0"
        ).fetchone()
        disk = conn.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'ledger_entries_%' AND relkind = 'r'"
        ).fetchone()
    assert row is not None
    assert disk is not None
    return {"body_bytes": float(row[0]), "sealed_bytes": float(row[1]), "entries_on_disk_bytes": float(disk[0])}


def _verified_per_second(deployment: Deployment, rounds: int) -> list[float]:
    """Entries a second of a whole verification: chain, payload digests, tree, checkpoints, decisions."""
    rates = []
    for _ in range(rounds):
        result = verify_and_record(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
        if not result.verified:
            raise click.ClickException(f"not verified: {result.findings[:3]}")
        rates.append(result.entries / result.seconds)
        click.echo(f"verified {result.entries:,} entries: {rates[-1]:,.0f}/s")
    return rates


def _latencies(deployment: Deployment, size: int) -> dict[str, list[float]]:
    """Milliseconds of every question, asked in a transaction of its own on a warm connection."""
    rng = random.Random(20261126)  # noqa: S311
    seqs = [rng.randrange(2, size) for _ in range(1_000)]
    with deployment.postgres.connect() as conn:
        chosen = [entry for seq in seqs if (entry := ledger.entry_at(conn, seq)) and entry.kind == "decision"]
        latest = checkpoints.latest_checkpoint(conn)
        assert latest is not None

        def prove(at: int) -> None:
            entry = chosen[at]
            proof = checkpoints.proof_of(conn, entry.seq, size)
            assert merkle.verify_inclusion(leaf_of(entry), entry.seq - 1, size, proof, latest.root)

        def extend(at: int) -> None:
            old = 1 + seqs[at]
            checkpoints.consistency_of(conn, min(old, size), size)

        filings = [hits_of(LOAD, number) for number in range(10_000_000, 10_000_000 + 300)]
        laws = [law for year in LOAD.years for law in law_of(LOAD, year)]
        return {
            "inclusion proof": _times(conn, prove, len(chosen)),
            "consistency proof": _times(conn, extend, 300),
            "backward lineage": _times(
                conn, lambda at: lineage_of(conn, deployment.keyring, chosen[at].subject_id), min(500, len(chosen))
            ),
            "forward lineage, a filing": _times(conn, lambda at: touched_by(conn, filings[at][0]), len(filings)),
            "forward lineage, a law that all of a year touch": _times(
                conn, lambda at: touched_by(conn, laws[at % len(laws)]), 40
            ),
        }


def _times(conn: psycopg.Connection, ask: Callable[[int], object], count: int) -> list[float]:
    found = []
    for at in range(count):
        started = time.perf_counter()
        ask(at)
        found.append((time.perf_counter() - started) * 1000)
        conn.commit()
    return found


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(found: dict[str, object]) -> None:
    rates, milliseconds = found["rates"], found["milliseconds"]
    assert isinstance(rates, dict)
    assert isinstance(milliseconds, dict)
    click.echo(f"\n{'appends/s, durable':<52}{'n':>6}{'median':>10}{'min':>10}{'max':>10}")
    for name, values in rates.items():
        click.echo(
            f"{name:<52}{len(values):>6}{statistics.median(values):>10,.0f}{min(values):>10,.0f}{max(values):>10,.0f}"
        )
    verified = found["verified_per_second"]
    assert isinstance(verified, list)
    click.echo(
        f"{'entries verified/s':<52}{len(verified):>6}{statistics.median(verified):>10,.0f}{min(verified):>10,.0f}"
        f"{max(verified):>10,.0f}"
    )
    click.echo(
        f"\n{'ms at ' + format(found['entries'], ',') + ' entries':<52}{'n':>6}{'p50':>10}{'p95':>10}{'p99':>10}"
    )
    for name, values in milliseconds.items():
        cuts = statistics.quantiles(values, n=100)
        click.echo(f"{name:<52}{len(values):>6}{cuts[49]:>10.2f}{cuts[94]:>10.2f}{cuts[98]:>10.2f}")
    click.echo(f"\nan entry: {found['row']}")


if __name__ == "__main__":
    main()
