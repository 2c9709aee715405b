import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.providers import ModelRequest, NoProviderLeft, ProviderFailure, Router
from resources.providers.adapters import Answer
from resources.providers.breaker import BreakerPolicy
from resources.providers.failures import OF_THE_REQUEST, PASSING
from resources.providers.router import Patience
from tests.model_servers import TEXT, ModelServer, model_server
from tests.resources.providers.reaching import LIMITS, PATIENT, Told, adapter_at, failing

ASKED = ModelRequest("What of Maria?")
MODELS = ["m/large"]


class Pauses(list[float]):
    """Notes the pauses and takes none."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def router_of(*adapters: Told, pause: Pauses | None = None, **settings: Any) -> Router:
    return Router(adapters, pause=pause if pause is not None else Pauses(), **settings)


def outcomes(attempts: tuple[Any, ...]) -> list[tuple[str, str]]:
    return [(attempt.provider, attempt.outcome) for attempt in attempts]


# ── fallback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_provider_answers_and_the_second_is_not_asked() -> None:
    first, second = Told("a", "yes", priority=10), Told("b", "no", priority=50)
    made = router_of(first, second).complete(ASKED, MODELS)

    assert (made.text, made.provider, made.model, made.attempts, made.fallback_from) == ("yes", "a", "m/large", 1, None)
    assert outcomes(made.attempt_details) == [("a", "ok")]
    assert second.calls == 0


@pytest.mark.parametrize(
    "code",
    ["unreachable", "connect_timeout", "first_byte_timeout", "stalled", "total_timeout", "cut", "rate_limited",
     "unavailable", "malformed", "empty", "too_large", "bad_request", "unauthorized", "redirected"],
)  # fmt: skip
def test_after_any_failure_the_next_provider_is_asked_at_once(code: str) -> None:
    first, second, pause = Told("a", failing(code, 60), priority=10), Told("b", "yes"), Pauses()
    made = router_of(first, second, pause=pause).complete(ASKED, MODELS)

    assert (made.text, made.provider, made.fallback_from, made.attempts) == ("yes", "b", "a", 2)
    assert outcomes(made.attempt_details) == [("a", code), ("b", "ok")]
    assert made.attempt_details[0].seconds_after_failure is None
    assert made.attempt_details[1].seconds_after_failure is not None
    assert (first.calls, pause) == (1, []), "no retry and no pause while another is left"


def test_every_provider_is_ready_before_the_first_is_asked() -> None:
    """An SDK takes seconds to load: longer than a fallback may."""
    steps: list[str] = []

    class Slow(Told):
        def prepare(self) -> None:
            steps.append(f"{self.spec.name} ready")

        def complete(self, model: str, request: ModelRequest) -> Answer:
            steps.append(f"{self.spec.name} asked")
            return super().complete(model, request)

    router_of(Slow("a", failing("cut"), priority=10), Slow("b", "yes")).complete(ASKED, MODELS)
    assert steps == ["a ready", "b ready", "a asked", "b asked"]


def test_none_left_says_what_each_of_them_did() -> None:
    with pytest.raises(NoProviderLeft) as caught:
        router_of(Told("a", failing("stalled"), priority=10), Told("b", failing("unauthorized"))).complete(
            ASKED, [*MODELS, "x/unserved"]
        )
    failure = caught.value

    assert isinstance(failure, DependencyUnavailable)
    assert outcomes(failure.attempts) == [("a", "stalled"), ("b", "unauthorized")]
    assert failure.found == (
        "a/large: stalled (as told); b/large: unauthorized (as told); none/x/unserved: no provider serves it"
    )


def test_who_may_not_be_asked_is_not_asked() -> None:
    away, here = Told("us", "no", priority=10, data_region="us"), Told("eu", "yes", data_region="eu")

    assert router_of(away, here).complete(ASKED, MODELS, allowed_regions={"eu"}).provider == "eu"
    with pytest.raises(NoProviderLeft, match="data may not go to us"):
        router_of(away).complete(ASKED, MODELS, allowed_regions={"eu"})
    assert away.calls == 0


def test_a_fault_of_ours_is_not_taken_for_the_providers() -> None:
    router = router_of(Told("a", ZeroDivisionError()), Told("b", "yes"))
    with pytest.raises(ZeroDivisionError):
        router.complete(ASKED, MODELS)


def test_failures_are_logged_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    router_of(Told("a", failing("stalled"), priority=10), Told("b", "an answer")).complete(ASKED, MODELS)

    assert "a gave no answer of m/large: stalled" in caplog.text
    assert "Maria" not in caplog.text
    assert "an answer" not in caplog.text
    assert "Maria" not in repr(ASKED)


# ── the last one is tried again ──────────────────────────────────────────────────────────────────────────────────────


def test_the_last_provider_is_tried_again_with_growing_pauses() -> None:
    last, pause = Told("a", failing("unavailable"), failing("cut"), "yes"), Pauses()
    made = router_of(last, pause=pause).complete(ASKED, MODELS)

    assert (made.text, made.attempts) == ("yes", 3)
    assert pause == [0.25, 0.5]


def test_its_own_word_on_when_to_come_back_is_honoured_up_to_a_bound() -> None:
    pause = Pauses()
    router_of(Told("a", failing("rate_limited", 1.5), "yes"), pause=pause).complete(ASKED, MODELS)
    assert pause == [1.5]

    patient = Told("b", failing("rate_limited", 60), "yes")
    with pytest.raises(NoProviderLeft):
        router_of(patient, pause=pause).complete(ASKED, MODELS)
    assert (patient.calls, pause) == (1, [1.5])


@pytest.mark.parametrize("code", ["bad_request", "unauthorized", "malformed", "empty", "too_large", "total_timeout"])
def test_what_would_only_happen_again_is_not_tried_again(code: str) -> None:
    last = Told("a", failing(code))
    with pytest.raises(NoProviderLeft):
        router_of(last).complete(ASKED, MODELS)
    assert last.calls == 1


def test_tries_are_bounded() -> None:
    last = Told("a", failing("unavailable"))
    with pytest.raises(NoProviderLeft) as caught:
        router_of(last, patience=Patience(retries=2)).complete(ASKED, MODELS)
    assert last.calls == len(caught.value.attempts) == 3


# ── the breaker ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Hands:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_provider_that_keeps_failing_is_left_alone_then_probed_once() -> None:
    clock = Hands()
    first, second = Told("a", *[failing("stalled")] * 3, "well again", priority=10), Told("b", "yes")
    router = router_of(first, second, breaker=BreakerPolicy(failures_in_a_row=3, cooldown_seconds=30), clock=clock)

    for _ in range(3):
        router.complete(ASKED, MODELS)
    made = router.complete(ASKED, MODELS)
    assert (first.calls, made.provider, made.attempts, made.fallback_from) == (3, "b", 1, "a")
    assert outcomes(made.attempt_details) == [("a", "circuit_open"), ("b", "ok")]

    clock.now += 30
    assert router.complete(ASKED, MODELS).text == "well again"
    assert router.breaker("a").state == "closed"


def test_requests_that_are_refused_for_what_they_are_do_not_open_it() -> None:
    first = Told("a", failing("bad_request"), priority=10)
    router = router_of(first, Told("b", "yes"), breaker=BreakerPolicy(failures_in_a_row=2))
    for _ in range(5):
        router.complete(ASKED, MODELS)
    assert first.calls == 5


def test_with_every_breaker_open_nobody_is_asked() -> None:
    only = Told("a", failing("malformed"))
    router = router_of(only, breaker=BreakerPolicy(failures_in_a_row=1))
    for _ in range(3):
        with pytest.raises(NoProviderLeft) as caught:
            router.complete(ASKED, MODELS)
    assert only.calls == 1
    assert outcomes(caught.value.attempts) == [("a", "circuit_open")]


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_is_committed_to_once_its_first_text_came() -> None:
    first, second = Told("a", "!never", priority=10), Told("b", "yes")
    stream = router_of(first, second).route_stream_with_fallback(ASKED, MODELS)

    assert (stream.provider, stream.model, stream.fallback_from) == ("b", "m/large", "a")
    assert outcomes(stream.attempts) == [("a", "cut"), ("b", "ok")]
    assert "".join(stream) == "yes"


@pytest.mark.parametrize("nothing", ["", "  \n", " !"])
def test_a_stream_without_text_is_not_committed_to(nothing: str) -> None:
    stream = router_of(Told("a", nothing, priority=10), Told("b", " yes")).route_stream_with_fallback(ASKED, MODELS)
    assert (stream.provider, "".join(stream)) == ("b", " yes")


def test_a_stream_that_breaks_off_later_says_so_and_nobody_takes_over() -> None:
    second = Told("b", "no")
    router = router_of(Told("a", "half an!", priority=10), second, breaker=BreakerPolicy(failures_in_a_row=1))
    stream = router.route_stream_with_fallback(ASKED, MODELS)

    read: list[str] = []
    with pytest.raises(NoProviderLeft, match="cut") as caught:
        read.extend(stream)
    assert ("".join(read), second.calls) == ("half an", 0)
    assert outcomes(caught.value.attempts) == [("a", "cut")]
    assert router.breaker("a").state == "open"


def test_a_reader_that_stops_says_nothing_about_the_provider() -> None:
    router = router_of(Told("a", "a long answer"), breaker=BreakerPolicy(failures_in_a_row=1))
    pieces = iter(router.route_stream_with_fallback(ASKED, MODELS))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert router.breaker("a").state == "closed"


# ── vectors ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vectors_come_from_who_has_them() -> None:
    chat = Told("a", "no", priority=10)
    vectors = Told("b", "yes", capabilities={"models": ["m/*"], "operations": ["embeddings"]})
    assert router_of(chat, vectors).embed(["one", "two"], MODELS) == [[1.0], [1.0]]
    assert chat.calls == 0


# ── properties ───────────────────────────────────────────────────────────────────────────────────────────────────────

CODES = st.sampled_from(["ok", *sorted(PASSING), *sorted(OF_THE_REQUEST), "stalled", "malformed", "empty"])


@given(st.lists(st.lists(CODES, min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 3))
def test_who_answers_is_the_first_that_would_and_every_call_is_on_the_record(
    plans: list[list[str]], retries: int
) -> None:
    adapters = [
        Told(f"p{i}", *["yes" if code == "ok" else failing(code) for code in plan], priority=i)
        for i, plan in enumerate(plans)
    ]
    would = [i for i, plan in enumerate(plans) if plan[0] == "ok"]
    try:
        made = router_of(*adapters, patience=Patience(retries=retries)).complete(ASKED, MODELS)
        attempts, answered = made.attempt_details, int(made.provider[1:])
        assert made.attempts == len(attempts)
        assert attempts[-1].outcome == "ok"
        assert answered == would[0] if would else answered == len(plans) - 1
    except NoProviderLeft as problem:
        attempts = problem.attempts
        assert not would
    assert len(attempts) == sum(adapter.calls for adapter in adapters)
    assert [a.provider for a in attempts] == sorted(a.provider for a in attempts), "never back to one that failed"
    assert all(adapter.calls <= 1 for adapter in adapters[:-1])


def test_many_threads_share_a_router() -> None:
    first, second = Told("a", failing("stalled"), priority=10), Told("b", "yes")
    router = router_of(first, second, breaker=BreakerPolicy(failures_in_a_row=10, cooldown_seconds=1_000))
    made: list[str] = []

    def ask() -> None:
        made.extend(router.complete(ASKED, MODELS).provider for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["b"] * 400
    assert 10 <= first.calls <= 18, "those already on their way when it opened"


# ── over sockets ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[ModelServer, ModelServer]]:
    with model_server() as first, model_server() as second:
        yield first, second


ORDERS = [("openai", "anthropic"), ("anthropic", "openai")]
BEFORE_A_TEXT = [
    "refuses",
    "silent",
    "headers then silent",
    "HTTP 429",
    "HTTP 503",
    "HTML",
    "malformed",
    "wrong types",
    "empty",
]
IN_A_TEXT = ["stalls", "cut", "ends early"]


@contextmanager
def router_over(pair: tuple[ModelServer, ModelServer], order: tuple[str, str]) -> Iterator[tuple[Router, list[str]]]:
    router = Router([adapter_at(pair[0], order[0], LIMITS, priority=10), adapter_at(pair[1], order[1], PATIENT)])
    try:
        yield router, [f"{protocol}/m" for protocol in order]
    finally:
        router.close()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("behaviour", [*BEFORE_A_TEXT, *IN_A_TEXT, "huge"])
def test_the_other_vendor_takes_over(
    pair: tuple[ModelServer, ModelServer], behaviour: str, order: tuple[str, str]
) -> None:
    pair[0].behaviour = behaviour
    with router_over(pair, order) as (router, models):
        made = router.complete(ASKED, models)

    assert (made.text, made.provider, made.fallback_from) == (TEXT, order[1], order[0])
    after = made.attempt_details[1].seconds_after_failure
    assert after is not None
    assert after < 2  # on a busy machine; measured by evals/bench_failover.py


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("behaviour", BEFORE_A_TEXT)
def test_the_other_vendor_takes_over_a_stream_before_its_first_text(
    pair: tuple[ModelServer, ModelServer], behaviour: str, order: tuple[str, str]
) -> None:
    pair[0].behaviour = behaviour
    with router_over(pair, order) as (router, models):
        stream = router.route_stream_with_fallback(ASKED, models)
        assert (stream.provider, "".join(stream)) == (order[1], TEXT)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("behaviour", IN_A_TEXT)
def test_a_stream_that_breaks_in_its_text_is_never_taken_for_whole(
    pair: tuple[ModelServer, ModelServer], behaviour: str, order: tuple[str, str]
) -> None:
    pair[0].behaviour = behaviour
    asked_before = len(pair[1].requests)
    with router_over(pair, order) as (router, models):
        stream = router.route_stream_with_fallback(ASKED, models)
        with pytest.raises(NoProviderLeft):
            list(stream)
    assert len(pair[1].requests) == asked_before


def test_a_failure_carries_the_moment_it_was_known() -> None:
    assert ProviderFailure("cut", "", known_at=7.0).known_at == 7.0
