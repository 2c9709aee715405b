"""`make bench-policy`: what the policy costs a request: evaluations in process, and at an OPA server where one is named.

The requests are those of the policy's own examples, in turn, each with another user. Times are of whole evaluations as the
path makes them: the request to JSON, the rules, the answer held against its contract.
"""

import json
import statistics
import time
from pathlib import Path

import click

from compliance_assets.governance.policy import POLICIES, examples_in
from resources.policy import OpaEngine, PolicyEngine, RegoEngine
from resources.policy_bundle import PolicyBundle


@click.command()
@click.option("--evaluations", default=5_000, show_default=True, type=click.IntRange(min=100))
@click.option(
    "--opa", "opa_url", help="An OPA server that holds the shipped policy, for example http://127.0.0.1:8181."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/policy.json"), show_default=True)
def main(evaluations: int, opa_url: str | None, out: Path) -> None:
    """Measure and print; every number goes to OUT."""
    bundle = PolicyBundle.read(POLICIES)
    engines: list[PolicyEngine] = [RegoEngine(bundle), *([OpaEngine(opa_url, bundle)] if opa_url else [])]
    found: dict[str, object] = {"policy_hash": bundle.policy_hash}
    found |= {engine.name: measured(engine, evaluations) for engine in engines}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(found, indent=2))


def measured(engine: PolicyEngine, evaluations: int) -> dict[str, float]:
    """n, the first evaluation (it compiles or connects), then evaluations a second and milliseconds at percentiles."""
    asked = [example.input for example in examples_in(POLICIES)]
    requests = [asked[i % len(asked)].model_copy(update={"user": f"user {i}"}) for i in range(evaluations)]
    started = time.perf_counter()
    engine.evaluate(requests[0])
    first = time.perf_counter() - started
    times, outages = [], 0
    for request in requests:
        started = time.perf_counter()
        decision = engine.evaluate(request)
        times.append(time.perf_counter() - started)
        outages += decision.outage is not None
    cuts = statistics.quantiles(times, n=100)
    return {
        "n": evaluations,
        "outages": outages,
        "first_ms": round(1_000 * first, 2),
        "per_second": round(evaluations / sum(times), 1),
        "p50_ms": round(1_000 * cuts[49], 3),
        "p95_ms": round(1_000 * cuts[94], 3),
        "p99_ms": round(1_000 * cuts[98], 3),
    }


if __name__ == "__main__":
    main()
