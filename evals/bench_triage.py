"""`make bench-triage`: filings in quantity through `irpf.triage`, with a model that takes its time and sometimes fails.

Everything is real but the model's server: filings are written, taken in, indexed and decided by the house; the model is
`local/irpf-v1` in a process of its own, and each answer waits as long as a provider would (log-normal) or fails. What the
house itself costs a filing is its latency less what its route says was spent on models.
"""

import json
import math
import random
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path

import click
import psutil

from compliance_assets import commands
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.audit_ledger.store import decisions_of_year
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.irpf.model import answer_to
from compliance_assets.model_decisions.pending import enqueue_filings
from compliance_assets.model_decisions.router_map import Route, RouterMap
from compliance_assets.model_decisions.router_store import approve
from evals.golden.generate import write_load
from evals.scratch_deployment import scratch_deployment
from resources.clock import system_clock
from resources.providers import Completion, Models

MEDIAN_SECONDS, SIGMA = 2.0, 0.5  # of the simulated provider's answer: log-normal, its 99th percentile 6.4 s
FAILING = 0.01
PRIMARY, FALLBACK = "local/simulated", "local/simulated-fallback"


@click.command()
@click.option("--filings", default=10_000, show_default=True)
@click.option("--deciders", default=24, show_default=True, help="How many filings wait for the model at once.")
@click.option("--median", default=MEDIAN_SECONDS, show_default=True, help="Seconds of the model's answer.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("bench_results/triage_load.json"), show_default=True
)
def main(filings: int, deciders: int, median: float, out: Path) -> None:
    """Measure and print; every number goes to OUT."""
    with scratch_deployment() as deployment, _Answers() as answers:
        source, started = deployment.settings.data_dir / "source", time.monotonic()
        write_load(source, filings)
        click.echo(f"{filings:,} filings and the law of their years written in {time.monotonic() - started:.0f} s")
        started = time.monotonic()
        report = commands.ingest(deployment, str(source / "documents"))
        click.echo(f"taken in and indexed in {time.monotonic() - started:.0f} s: {report.documents}")
        desk = _desk(deployment, answers, median, deciders)
        memory = _Memory()
        with memory:
            decided, seconds = _decide(deployment, desk)
        verification = verify_and_record(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
        found = _found(deployment, decided, seconds, memory, verification.verified)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    _print(found)
    click.echo(f"every number: {out}")


# ── the simulated provider ───────────────────────────────────────────────────────────────────────────────────────────


class _Answers:
    """The model in a process of its own, as a provider's server is."""

    def __enter__(self) -> "_Answers":
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        self._pool.submit(int).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def to(self, prompt: str) -> str:
        """The model's answer to a prompt."""
        return json.dumps(self._pool.submit(answer_to, prompt).result(), ensure_ascii=False)


@dataclass(frozen=True)
class _Simulated:
    """Answers after a while, or fails. How long and whether is drawn by the prompt, so that a run can be repeated."""

    model: str
    answers: _Answers
    median: float

    def complete(self, prompt: str) -> Completion:
        rng = random.Random(f"{self.model} {prompt}")  # noqa: S311
        started = time.monotonic()
        wanted = rng.lognormvariate(math.log(self.median), SIGMA)
        if rng.random() < FAILING:
            time.sleep(min(wanted, 0.2))
            raise DependencyUnavailable("simulated", expected="an answer", found="a hang-up", remedy="Ask the next.")
        text = self.answers.to(prompt)
        time.sleep(max(0.0, wanted - (time.monotonic() - started)))
        return Completion(text, self.model, "local", 1, time.monotonic() - started)


def _desk(deployment: Deployment, answers: _Answers, median: float, deciders: int):  # type: ignore[no-untyped-def]
    routes = deployment.router_map.routes
    route = Route(primary=PRIMARY, fallbacks=(FALLBACK,), temperature=0.0)
    router_map = RouterMap(routes={**routes, "irpf.triage": route})
    with deployment.postgres.connect() as conn:
        approve(conn, deployment.keyring, router_map, "The benchmark", system_clock)
    models = Models((), local=tuple(_Simulated(name, answers, median) for name in (PRIMARY, FALLBACK)))
    desk = deployment.desk
    return replace(desk, models=models, bundle=desk.bundle.with_router_map(router_map), deciders=deciders)


# ── deciding ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _decide(deployment: Deployment, desk) -> tuple[int, float]:  # type: ignore[no-untyped-def]
    started, decided = time.monotonic(), 0
    for year in deployment.settings.years:
        with deployment.postgres.connect() as conn:
            waiting = enqueue_filings(conn, year)
        if waiting:
            report = drain_year(desk, year)
            decided += report.decided
            rate = decided / (time.monotonic() - started)
            click.echo(f"{year}: {report.decided:,} decided, {len(report.postponed)} put off; {rate:.1f}/s so far")
    seconds = time.monotonic() - started
    checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    return decided, seconds


@dataclass
class _Memory:
    """The most that this process held, and how much more it held at the end than after the first tenth."""

    samples: list[float] = field(default_factory=list)
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "_Memory":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(1.0):
            self.samples.append(process.memory_info().rss / 2**20)


def _found(deployment: Deployment, decided: int, seconds: float, memory: _Memory, verified: bool) -> dict[str, object]:
    """Latency of every filing, what of it was the model's, in the order in which they were decided."""
    rows: list[tuple[float, float]] = []
    failed = 0
    with deployment.postgres.connect() as conn:
        for year in deployment.settings.years:
            latencies = store.latencies(conn, year)
            for entry in decisions_of_year(conn, year):
                route = json.loads(entry.body)["provider_route"]
                failed += len(route) > 1
                rows.append((latencies[entry.subject_id], sum(step["latency_seconds"] for step in route)))
    whole, own = [latency for latency, _ in rows], [1000 * (latency - model) for latency, model in rows]
    tenth = max(len(memory.samples) // 10, 1)
    return {
        "filings": decided,
        "seconds": seconds,
        "filings_per_second": decided / seconds,
        "fell_back": failed,
        "verified": verified,
        "latency_seconds": _cuts(whole),
        "own_milliseconds": _cuts(own),
        "own_milliseconds_first_thousand": _cuts(own[:1000]),
        "own_milliseconds_last_thousand": _cuts(own[-1000:]),
        "memory_mib": {
            "peak": max(memory.samples, default=0.0),
            "first_tenth": statistics.median(memory.samples[:tenth] or [0.0]),
            "last_tenth": statistics.median(memory.samples[-tenth:] or [0.0]),
        },
    }


def _cuts(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100) if len(values) > 1 else [*values] * 99
    return {"n": len(values), "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(found: dict[str, object]) -> None:
    click.echo(f"\n{found['filings']:,} filings in {found['seconds']:.0f} s: {found['filings_per_second']:.1f}/s; "
               f"{found['fell_back']} fell back; verified: {found['verified']}")  # fmt: skip
    click.echo(f"{'':<44}{'n':>8}{'p50':>10}{'p95':>10}{'p99':>10}{'max':>10}")
    for name, values in found.items():
        if isinstance(values, dict) and "p50" in values:
            click.echo(
                f"{name:<44}{values['n']:>8,}"
                + "".join(f"{values[cut]:>10.2f}" for cut in ("p50", "p95", "p99", "max"))
            )
    click.echo(f"memory, MiB: {found['memory_mib']}")


if __name__ == "__main__":
    main()
