"""`make bench-failover`: how soon the second provider is asked once the first has failed, over sockets and through the real SDKs.

A fault counts from the moment it is known here (a status line received, a time limit met, a cut seen, an answer found unusable)
until the request has arrived at the second provider's server, whose clock that is. Where the server knows when it misbehaved
(it sent the error's last byte, it hung up), the time from there is given beside it: it holds what finding out costs. Each kind of
fault comes equally often, in random order, with either protocol first; once one request after the other, once several at once.
The servers are threads of this process and take their share of its time. Time limits are short, so that the run is; breakers are
held shut, since an open one would skip the very provider that is to fail. The SDKs are loaded before the clock starts, as the
router does before it asks the first provider.
"""

import json
import logging
import math
import random
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from resources.providers import ModelRequest, ProviderFailure, ProviderSpec, Router
from resources.providers.adapters import Adapter, Answer, adapter_for
from resources.providers.breaker import BreakerPolicy
from tests.model_servers import TEXT, ModelServer, model_server

NOBODY = "nobody listens"
KINDS = (
    NOBODY, "refuses", "silent", "headers then silent", "stalls", "drips", "cut", "HTTP 429", "HTTP 500", "HTTP 502", "HTTP 503",
    "error drips", "malformed", "wrong types", "HTML", "empty", "huge", "announces much",
)  # fmt: skip
SHORT = {"connect_seconds": 1, "first_byte_seconds": 0.05, "between_bytes_seconds": 0.05, "total_seconds": 0.15}
#: Kinds that must reach their own failure before the short limits do, on a busy machine too.
UNHURRIED = {"connect_seconds": 5, "first_byte_seconds": 20, "between_bytes_seconds": 20, "total_seconds": 40}
TIMED = {"silent", "headers then silent", "stalls", "drips"}
PROTOCOLS = ("openai", "anthropic")
KEYS = {"OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
SHUT = BreakerPolicy(failures_in_a_row=10**9, window=10**9)
TARGET_MS = 500.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and what followed. Seconds; `from_server` None where the server cannot know."""

    kind: str
    outcome: str
    from_known: float
    from_server: float | None


class Noting:
    """An adapter that notes when its failures were known, by the prompt."""

    def __init__(self, adapter: Adapter) -> None:
        self.spec, self._adapter = adapter.spec, adapter
        self.known_at: dict[str, float] = {}
        self.prepare, self.stream, self.embed, self.close = (
            adapter.prepare,
            adapter.stream,
            adapter.embed,
            adapter.close,
        )

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """As the adapter does."""
        try:
            return self._adapter.complete(model, request)
        except ProviderFailure as problem:
            self.known_at[request.prompt] = problem.known_at
            raise


class Bench:
    """Two servers, and a router for each protocol that may come first and each way to be impatient."""

    def __init__(self, first: ModelServer, second: ModelServer) -> None:
        self.first, self.second = first, second
        self._routers: dict[tuple[str, bool, bool], tuple[Router, Noting]] = {}
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for protocol in PROTOCOLS:
            for timed, nobody in ((False, False), (True, False), (False, True)):
                self._routers[protocol, timed, nobody] = self._router(protocol, timed, nobody)

    def warm_up(self) -> None:
        """SDKs and connections, as in a process that has answered before."""
        for router, _ in self._routers.values():
            router.complete(ModelRequest("warm up"), models_of(router)[1:])

    def fault(self, number: int, kind: str, protocol: str) -> Fault:
        """One request whose first provider fails. Raises where the second does not answer."""
        router, noting = self._routers[protocol, kind in TIMED, kind == NOBODY]
        prompt = f"{number}: {kind}"
        made = router.complete(ModelRequest(prompt), models_of(router))
        if made.text != TEXT or made.fallback_from != protocol:
            raise RuntimeError(f"{kind}: the second provider did not take over")
        arrived, misbehaved = self.second.arrived_at[prompt], self.first.misbehaved_at.get(prompt)
        return Fault(
            kind,
            made.attempt_details[0].outcome,
            arrived - noting.known_at.pop(prompt),
            None if misbehaved is None else arrived - misbehaved,
        )

    def close(self) -> None:
        """Ends all connections."""
        for router, _ in self._routers.values():
            router.close()

    def _router(self, protocol: str, timed: bool, nobody: bool) -> tuple[Router, Noting]:
        other = PROTOCOLS[1 - PROTOCOLS.index(protocol)]
        address = self._nobody if nobody else self.first.base_url(protocol)
        noting = Noting(_adapter(protocol, address, SHORT if timed else UNHURRIED, priority=10))
        return Router(
            [noting, _adapter(other, self.second.base_url(other), UNHURRIED, priority=50)], breaker=SHUT
        ), noting


def models_of(router: Router) -> list[str]:
    """One model of each provider, the first provider's first."""
    return [f"{spec.name}/m" for spec in sorted(router.specs, key=lambda spec: spec.priority)]


@contextmanager
def bench() -> Iterator[Bench]:
    """Servers and routers, until the block ends."""
    with ExitStack() as stack:
        made = Bench(stack.enter_context(model_server()), stack.enter_context(model_server()))
        stack.callback(made.close)
        made.first.obeys_prompts = True
        yield made


def measured(made: Bench, faults: int, at_once: int, seed: int) -> list[Fault]:
    """So many faults of mixed kinds."""
    rng = random.Random(seed)  # noqa: S311
    plan = [(n, KINDS[n % len(KINDS)], PROTOCOLS[n // len(KINDS) % 2]) for n in range(faults)]
    rng.shuffle(plan)
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda one: made.fault(*one), plan))


def summary(faults: Sequence[Fault]) -> dict[str, object]:
    """Milliseconds from the known failure to the second server, over all and for each kind."""
    kinds = sorted({fault.kind for fault in faults})
    return {
        "all": percentiles([fault.from_known for fault in faults]),
        "from_the_servers_misbehaviour": percentiles([f.from_server for f in faults if f.from_server is not None]),
        "kinds": {
            kind: {
                "outcomes": sorted({f.outcome for f in faults if f.kind == kind}),
                **percentiles([f.from_known for f in faults if f.kind == kind]),
            }
            for kind in kinds
        },
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """n, then milliseconds at percentiles: the smallest value that so many of the values do not exceed."""
    ordered = sorted(seconds)
    at = {f"p{p}_ms": ordered[max(0, math.ceil(len(ordered) * p / 100) - 1)] for p in (50, 95, 99)}
    return {
        "n": len(ordered),
        **{name: round(1_000 * value, 2) for name, value in (at | {"max_ms": ordered[-1]}).items()},
    }


def _adapter(protocol: str, address: str, limits: Mapping[str, float], priority: int) -> Adapter:
    spec = ProviderSpec.from_dict({"name": protocol, "base_url": address, "limits": limits, "priority": priority})
    return adapter_for(spec, KEYS)


@click.command()
@click.option("--faults", default=1_000, show_default=True, type=click.IntRange(min=len(KINDS)))
@click.option("--at-once", default=8, show_default=True, type=click.IntRange(min=2), help="In the second run.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/failover.json"), show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(faults: int, at_once: int, out: Path, seed: int) -> None:
    """Measure and print; every number goes to OUT."""
    logging.getLogger("resources.providers").setLevel(logging.ERROR)  # every fault is a warning
    found: dict[str, object] = {"target_p95_ms": TARGET_MS, "limits_seconds": SHORT}
    with bench() as made:
        made.warm_up()
        for name, together in (("one_at_a_time", 1), (f"{at_once}_at_once", at_once)):
            found[name] = summary(measured(made, faults, together, seed))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
