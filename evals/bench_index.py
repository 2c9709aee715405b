"""`make bench-index`: a year of 10,000 to 1,000,000 passages: how long its index takes, how large it is, what it finds, how fast.

The passages are generated (`generated_corpus`: how, and how near to real vectors), put into the tables of a fresh deployment and
indexed as a materialisation does it. Then vectors that are not stored are searched for. Recall@8 is counted against a scan of
all generated vectors outside the database. A call is the whole retrieval without the encoding of the question: from the vector
to hits with their text. Clients are processes with a session each, as workers are; every statement is a transaction. Beside it
stands pgbench on the same machine, in turns, with the very statements of the same calls; and with the one statement that finds
the neighbours. PostgreSQL knows nothing of the lexical index, which a process holds itself: so the call is measured without it
beside pgbench, then with it.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from compliance_assets import commands
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index import store
from compliance_assets.year_index.build import BuildReport, build_year
from compliance_assets.year_index.exact import half
from compliance_assets.year_index.findings import IndexMeasurements
from compliance_assets.year_index.parameters import RULE, IndexIdentity, IndexRule
from compliance_assets.year_index.pgvector_store import PGVECTOR, PgvectorStore, leaf_of
from compliance_assets.year_index.recall import ExactNearest, Floats, shares_found, unit
from compliance_assets.year_index.search import Asked, search
from compliance_assets.year_index.vector_store import Built, LiveIndex
from evals.bench_index_report import draw, tables
from evals.bench_ingestion import FILINGS, copy_of
from evals.generated_corpus import CATEGORIES, ClusteredVectors, geometry, store_passages, streams, words
from evals.pgbench import replayed, statements_of
from evals.scratch_deployment import scratch_deployment
from resources.embedder import Embedder
from resources.postgres import Connection

YEAR = 2021
UNSEEN = 10**12  # a stream of vectors that no passage has
RECALL_QUERIES, TIMED_QUERIES, WORDS_A_QUESTION = 400, 64, 12
CLIENTS = (1, 4, 16)
T = TypeVar("T")
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Queries:
    """Vectors that are not stored, as they are asked, and the category of each one's mixture."""

    vectors: Floats
    categories: tuple[str, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, vectors: ClusteredVectors) -> "Queries":
        """The first of the stream that nothing is stored from."""
        drawn, categories = vectors.draw(RECALL_QUERIES, UNSEEN)
        texts = tuple(words(RECALL_QUERIES, WORDS_A_QUESTION, UNSEEN))
        return cls(unit(drawn.astype(np.float16)), tuple(CATEGORIES[number] for number in categories), texts)

    def asked(self, embedder: Embedder, scoped: bool) -> list[Asked]:
        """The first of them as a search takes them, encoded."""
        return [
            Asked(
                text,
                RetrievalScope(year=YEAR, filer_category=category if scoped else None),
                "caller",
                (text,),
                (half(vector),),
                embedder,
            )
            for vector, category, text in zip(self.vectors, self.categories, self.texts, strict=True)
        ][:TIMED_QUERIES]


@dataclass(frozen=True)
class TimedStore(PgvectorStore):
    """The shipped store, with a clock."""

    rule: IndexRule = RULE
    seconds: dict[str, float] = field(default_factory=dict)

    def build(self, conn: Connection, identity: IndexIdentity) -> Built:
        """Table and graph."""
        return self._timed("table_and_graph", lambda: PgvectorStore.build(self, conn, identity))

    def measure(self, conn: Connection, index: IndexIdentity | LiveIndex, built: Built) -> IndexMeasurements:
        """Recall and tuning."""
        return self._timed("measured", lambda: PgvectorStore.measure(self, conn, index, built))

    def _timed(self, name: str, step: Callable[[], T]) -> T:
        started = time.monotonic()
        done = step()
        self.seconds[name] = round(time.monotonic() - started, 1)
        return done


@click.command()
@click.option("--sizes", default="10000,100000,1000000", show_default=True, help="Passages of the year, with commas.")
@click.option(
    "--kinds-at", default=100_000, show_default=True, help="The size at which each kind is tried; 0 for none."
)
@click.option("--seconds", default=8, show_default=True, help="Of one measurement; three rounds of each.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=FILINGS)
@click.option(
    "--real-files", default=6, show_default=True, help="Real filings whose vectors are set beside; 0 for none."
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bench_results"), show_default=True
)
def main(sizes: str, kinds_at: int, seconds: int, rounds: int, source: Path, real_files: int, out: Path) -> None:
    """Measure and print tables; write index.json and index.png to OUT."""
    report: dict[str, Any] = {"rule": asdict(RULE), "clients_are": "processes", "sizes": [], "kinds": []}
    report["geometry"] = list(_geometries(source, real_files))
    for size in map(int, sizes.split(",")):
        click.echo(f"{size:,} passages")
        with scratch_deployment() as deployment:
            report["sizes"].append(_measured(deployment, size, seconds, rounds))
            if size == kinds_at:
                report["kinds"] = list(_kinds(deployment, size))
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.json").write_text(json.dumps(report, indent=2) + "\n")
    (out / "index.png").write_bytes(draw(report))
    click.echo(tables(report))
    click.echo(f"written: {out / 'index.json'}, {out / 'index.png'}")


# ── the vectors ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _geometries(source: Path, files: int) -> Iterator[dict[str, Any]]:
    if files:
        yield {"vectors_of": f"MiniLM, {files} filings", **asdict(geometry(_real_vectors(source, files)))}
    for size in (2_000, 20_000):
        vectors = ClusteredVectors(size)
        yield {
            "vectors_of": "generated",
            **asdict(geometry(np.vstack([vectors.draw(*reversed(s))[0] for s in streams(size)]))),
        }


def _real_vectors(source: Path, files: int) -> Floats:
    with scratch_deployment("minilm") as deployment:
        chosen = deployment.settings.data_dir / "source"
        copy_of(source, chosen, files)
        commands.ingest(deployment, str(chosen))
        with deployment.postgres.connect() as conn:
            found = conn.execute("SELECT embedding FROM year_index.entries").fetchall()
    return unit(np.asarray([vector.to_numpy() for (vector,) in found]))


# ── one size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _measured(deployment: Deployment, size: int, seconds: int, rounds: int) -> dict[str, Any]:
    vectors, started = ClusteredVectors(size), time.monotonic()
    store_passages(deployment, YEAR, vectors, size)
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("ANALYZE")
    click.echo(f"  stored in {time.monotonic() - started:.0f} s")
    found = {"passages": size, **_built(deployment, RULE)}
    click.echo(f"  built in {found['build_seconds']} s: {found['parameters']}")
    queries = Queries.of(vectors)
    found["recall_at_8"] = _recall(deployment, queries, _truth(vectors, size, queries))
    asked = {scoped: queries.asked(deployment.embedder, scoped) for scoped in (False, True)}
    runs = [(asked[scoped], clients) for scoped in (False, True) for clients in CLIENTS]
    with _vectors_alone(deployment):
        found["rates"] = [_beside_pgbench(deployment, each, clients, seconds, rounds) for each, clients in runs]
    found["rates_with_words"] = [_with_words(deployment, each, clients, seconds) for each, clients in runs]
    return found


def _built(deployment: Deployment, rule: IndexRule) -> dict[str, Any]:
    timed, started = TimedStore(rule), time.monotonic()
    report: BuildReport = build_year(
        deployment.postgres,
        deployment.keyring,
        deployment.embedder,
        chunker_for(deployment.embedder).version,
        YEAR,
        vectors=timed,
    )
    assert report.measurements is not None
    return {
        "build_seconds": round(time.monotonic() - started, 1),
        "of_which": timed.seconds,
        "findings": list(report.findings),
        "parameters": asdict(report.measurements.parameters),
        "measured_by_the_build": {
            "recall_at_8": report.measurements.recall_at_8,
            "recall_at_8_in_a_category": report.measurements.scoped_recall_at_8,
            "n": report.measurements.recall_queries,
        },
        "megabytes": _sizes(deployment),
    }


def _sizes(deployment: Deployment) -> dict[str, float]:
    with deployment.postgres.connect() as conn:
        leaf = f'year_index."{leaf_of(conn, YEAR)}"'
        row = conn.execute(
            "SELECT pg_table_size(%(leaf)s::regclass), coalesce(sum(pg_relation_size(i.indexrelid))"
            " FILTER (WHERE a.amname = 'hnsw'), 0) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_am a ON a.oid = c.relam WHERE i.indrelid = %(leaf)s::regclass",
            {"leaf": leaf},
        ).fetchone()
    assert row is not None
    return {"table": round(row[0] / 1e6, 1), "graph": round(int(row[1]) / 1e6, 1)}


def _truth(vectors: ClusteredVectors, size: int, queries: Queries) -> ExactNearest:
    exact = ExactNearest(queries.vectors, [CATEGORIES.index(category) + 1 for category in queries.categories])
    for stream, count in streams(size):
        drawn, categories = vectors.draw(count, stream)
        exact.add(drawn.astype(np.float16), categories + 1)
    return exact


def _recall(deployment: Deployment, queries: Queries, truth: ExactNearest) -> dict[str, Any]:
    """Of unseen vectors, what the search finds of the eight nearest: of the year, and of the vector's category in it."""
    found: dict[str, Any] = {"n": len(queries.vectors)}
    with deployment.postgres.connect() as conn:
        index = store.live_index(conn, YEAR)
        assert index is not None
        for name, scoped, exact in (
            ("overall", False, truth.over_all),
            ("in_category", True, truth.in_category),
        ):
            distances = [
                [1 - n.similarity for n in PGVECTOR.nearest(conn, index, category if scoped else None, [vector], 8)[0]]
                for vector, category in zip(queries.vectors, queries.categories, strict=True)
            ]
            shares = shares_found(distances, exact)
            found[name] = round(float(np.mean(shares)), 4)
            found[f"{name}_standard_error"] = round(float(np.std(shares) / np.sqrt(len(shares))), 4)
    return found


def _kinds(deployment: Deployment, size: int) -> Iterator[dict[str, Any]]:
    """The same year under each kind of index, built one after the other; seconds of a call by one client."""
    vectors = ClusteredVectors(size)
    queries = Queries.of(vectors)
    truth = _truth(vectors, size, queries)
    with deployment.postgres.connect_as_owner() as owner:  # what differs is the vectors' index
        owner.execute("UPDATE compliance.index_versions SET lexical_digest = NULL")
    rules = (IndexRule(exact_up_to=size), IndexRule(binary_from_bytes=2**50), IndexRule(binary_from_bytes=0))
    for rule in rules:
        found = {"kind": rule.kind_for(size, 384), **_built(deployment, rule)}
        if not found["findings"]:
            found["recall_at_8"] = _recall(deployment, queries, truth)
            found["milliseconds"] = _percentiles(
                _calls(deployment, queries.asked(deployment.embedder, False), 1, 5.0)[1]
            )
        yield found


# ── rates ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _vectors_alone(deployment: Deployment) -> Iterator[None]:
    """The live index without its words, as a version has none that is older than they are."""
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("CREATE TABLE public.digests AS SELECT year, lexical_digest FROM compliance.index_versions")
        owner.execute("UPDATE compliance.index_versions SET lexical_digest = NULL")
    yield
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("UPDATE compliance.index_versions v SET lexical_digest = d.lexical_digest FROM public.digests d")


def _beside_pgbench(
    deployment: Deployment, asked: Sequence[Asked], clients: int, seconds: float, rounds: int
) -> dict[str, Any]:
    """Calls a second and latencies of the call, of its statements by pgbench, and of the search for neighbours alone."""
    with deployment.postgres.connect() as conn:
        whole = [statements_of(conn, lambda each=each: search(conn, each)) for each in asked]  # type: ignore[misc]
    alone = [[statement for statement in script if "hnsw.ef_search" in statement] for script in whole]
    runs: dict[str, Callable[[], tuple[float, list[float]]]] = {
        "call": lambda: _calls(deployment, asked, clients, seconds),
        "pgbench": lambda: replayed(deployment, whole, clients, seconds),
        "pgbench_neighbours_alone": lambda: replayed(deployment, alone, clients, seconds),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            rate, took = run()
            rates[name].append(rate)
            times[name] += took
    found: dict[str, Any] = _setting(asked, clients)
    found |= {name: _measure(rates[name], times[name]) for name in runs}
    for name in ("pgbench", "pgbench_neighbours_alone"):
        ratios = [call / raw for call, raw in zip(rates["call"], rates[name], strict=True)]
        found[f"of_{name}"] = round(float(np.median(ratios)), 3)
    click.echo(
        f"  {found['scope']}, {clients} clients: {found['call']['per_second']:,.0f}/s, {found['of_pgbench']:.0%} of"
        f" pgbench's, {found['of_pgbench_neighbours_alone']:.0%} of the neighbours' alone"
    )
    return found


def _with_words(deployment: Deployment, asked: Sequence[Asked], clients: int, seconds: float) -> dict[str, Any]:
    rate, took = _calls(deployment, asked, clients, seconds)
    found = {**_setting(asked, clients), "call": _measure([rate], took)}
    click.echo(f"  {found['scope']}, {clients} clients, with words: {rate:,.0f}/s")
    return found


def _setting(asked: Sequence[Asked], clients: int) -> dict[str, Any]:
    return {"scope": "year and category" if asked[0].scope.filer_category else "year", "clients": clients}


def _measure(rates: Sequence[float], times: Sequence[float]) -> dict[str, float]:
    return {"per_second": round(float(np.median(rates)), 1), "n": len(times), **_percentiles(times)}


def _calls(deployment: Deployment, asked: Sequence[Asked], clients: int, seconds: float) -> tuple[float, list[float]]:
    """(calls a second, seconds of each call) of so many processes."""
    ready, results = FORK.Barrier(clients + 1), FORK.Queue()
    processes = [
        FORK.Process(target=_client, args=(deployment, asked, number, seconds, ready, results), daemon=True)
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    ready.wait()
    started = time.monotonic()
    took = [each for _ in processes for each in results.get()]
    rate = len(took) / (time.monotonic() - started)
    for process in processes:
        process.join()
    return rate, took


def _client(
    deployment: Deployment, asked: Sequence[Asked], number: int, seconds: float, ready: Any, results: Any
) -> None:
    fresh, order, took = Deployment(deployment.settings), np.random.default_rng(number), []
    with fresh.postgres.connect() as conn:
        for each in asked[:8]:
            search(conn, each)  # prepares its statements, opens the lexical index
        conn.commit()
        conn.autocommit = True
        ready.wait()
        ended = time.monotonic() + seconds
        while (started := time.monotonic()) < ended:
            search(conn, asked[int(order.integers(len(asked)))])
            took.append(time.monotonic() - started)
    results.put(took)


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {
        f"p{share}_ms": round(float(np.percentile(seconds, share)) * 1e3, 2) if len(seconds) else 0.0
        for share in (50, 95, 99)
    }


if __name__ == "__main__":
    main()
