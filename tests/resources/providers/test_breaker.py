import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from resources.providers.breaker import BreakerPolicy, CircuitBreaker, Permit

POLICY = BreakerPolicy(failures_in_a_row=3, share=0.5, window=10, cooldown_seconds=30)


class Hands:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[CircuitBreaker, Hands]:
    clock = Hands()
    breaker = CircuitBreaker(POLICY, clock)
    for _ in range(3):
        permit(breaker).failed()
    return breaker, clock


def permit(breaker: CircuitBreaker) -> Permit:
    admitted = breaker.admit()
    assert admitted is not None
    return admitted


def test_it_opens_after_failures_in_a_row() -> None:
    breaker, _ = opened()

    assert breaker.state == "open"
    assert breaker.admit() is None
    assert not breaker.would_admit


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(POLICY)
    for _ in range(2):
        permit(breaker).failed()
        permit(breaker).failed()
        permit(breaker).succeeded()
    assert breaker.state == "closed"


def test_it_opens_when_half_of_the_latest_calls_failed() -> None:
    breaker = CircuitBreaker(POLICY)
    for _ in range(5):
        permit(breaker).succeeded()
        permit(breaker).failed()
    assert breaker.state == "open"


def test_what_says_nothing_about_the_provider_is_not_counted() -> None:
    breaker = CircuitBreaker(POLICY)
    for _ in range(50):
        permit(breaker).abandoned()
    assert breaker.state == "closed"


def test_after_the_cooldown_one_probe_is_let_through() -> None:
    breaker, clock = opened()
    clock.now += 30

    probe = permit(breaker)
    assert breaker.state == "half_open"
    assert breaker.admit() is None

    probe.succeeded()
    assert breaker.state == "closed"
    assert breaker.admit() is not None


def test_a_probe_that_fails_opens_it_for_another_cooldown() -> None:
    breaker, clock = opened()
    clock.now += 30
    permit(breaker).failed()

    assert breaker.state == "open"
    clock.now += 29
    assert breaker.admit() is None
    clock.now += 1
    assert breaker.admit() is not None


def test_an_abandoned_probe_lets_the_next_call_probe() -> None:
    breaker, clock = opened()
    clock.now += 30
    permit(breaker).abandoned()
    assert breaker.admit() is not None


def test_a_probe_that_never_says_how_it_went_is_replaced() -> None:
    breaker, clock = opened()
    clock.now += 30
    lost = permit(breaker)
    clock.now += 30
    probe = permit(breaker)

    lost.succeeded()
    assert breaker.state == "half_open", "the lost one speaks of another time"
    probe.failed()
    assert breaker.state == "open"


def test_calls_admitted_before_it_opened_neither_close_nor_reopen_it() -> None:
    clock = Hands()
    breaker = CircuitBreaker(POLICY, clock)
    slow = [permit(breaker) for _ in range(5)]
    for _ in range(3):
        permit(breaker).failed()

    slow[0].succeeded()
    assert breaker.state == "open"
    clock.now += 30
    permit(breaker).succeeded()
    for late in slow[1:]:
        late.failed()
    assert breaker.state == "closed"


def test_of_many_threads_one_probes() -> None:
    breaker, clock = opened()
    clock.now += 30
    admitted: Counter[bool] = Counter()
    together = threading.Barrier(32)

    def ask() -> None:
        together.wait()
        admitted[breaker.admit() is not None] += 1

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == {True: 1, False: 31}


@given(st.lists(st.sampled_from(["ok", "fail", "abandon", "wait"]), max_size=200))
def test_while_it_is_open_nothing_is_let_through_and_after_the_cooldown_exactly_one(steps: list[str]) -> None:
    clock = Hands()
    breaker = CircuitBreaker(POLICY, clock)
    opened_at: float | None = None
    for step in steps:
        if step == "wait":
            clock.now += 10
            continue
        admitted = breaker.admit()
        assert (admitted is None) == (opened_at is not None and clock.now - opened_at < POLICY.cooldown_seconds)
        if admitted is None:
            continue
        assert opened_at is None or breaker.admit() is None
        {"ok": admitted.succeeded, "fail": admitted.failed, "abandon": admitted.abandoned}[step]()
        if breaker.state == "closed":
            opened_at = None
        elif step == "abandon":
            opened_at = clock.now - POLICY.cooldown_seconds
        else:
            opened_at = clock.now
