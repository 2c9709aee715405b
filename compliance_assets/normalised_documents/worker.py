"""Parsing in worker processes with limits: a hostile or broken document costs one worker, never the batch.

The caller may hold torch threads, so workers are spawned, never forked, and import only the parsing modules.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType, TracebackType
from typing import Any, Generic, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parse import Parser, parse
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.sniff import media_type_of

NORMALISER = "worker"

# What an allocator keeps from one document must not count against the memory of the thousandth.
_DOCUMENTS_PER_WORKER = 200
_ATTEMPTS = 3
_MIB = 1024 * 1024
_PR_SET_PDEATHSIG = 1

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost. `memory_bytes` bounds the address space of its worker."""

    seconds: float = 60
    memory_bytes: int = 2048 * _MIB
    output_characters: int = MAX_CHARACTERS

    @property
    def input_bytes(self) -> int:
        """A document above this could not even be handed over: the worker holds several copies for a moment."""
        return self.memory_bytes // 8


@dataclass(frozen=True, slots=True)
class ParseResult(Generic[K]):
    """What became of one item. `seconds` is the parser's time, or since hand-over if the worker did not return."""

    key: K
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class _Job(Generic[K]):
    key: K
    data: bytes
    started: float
    attempt: int = 1


_Answer = tuple[Outcome, float]
_Waiting = dict[Future[_Answer], _Job[K]]


class ParserPool:
    """Worker processes that parse under `limits`; a context manager, to be used by the thread that enters it."""

    def __init__(self, workers: int | None = None, limits: Limits | None = None, parser: Parser = parse) -> None:
        self._workers = workers or os.cpu_count() or 1
        self._limits = limits or Limits()
        self._parser = parser
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def parse_all(self, items: Iterable[tuple[K, bytes]]) -> Iterator[ParseResult[K]]:
        """One result per item, as they complete. Items are drawn as workers free up: at most two per worker wait."""
        waiting: _Waiting[K] = {}
        for key, data in items:
            if len(data) > self._limits.input_bytes:
                reason = f"too_large: {len(data)} bytes, at most {self._limits.input_bytes}"
                yield ParseResult(key, _rejected(data, reason), 0.0)
                continue
            self._submit(_Job(key, data, time.perf_counter()), waiting)
            while len(waiting) >= 2 * self._workers:
                yield from self._completed(waiting)
        while waiting:
            yield from self._completed(waiting)

    def _completed(self, waiting: _Waiting[K]) -> Iterator[ParseResult[K]]:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool) and waiting[future].attempt < _ATTEMPTS:
                self._start_over(waiting)
                return
            yield self._result(waiting.pop(future), future, error)

    def _result(self, job: _Job[K], future: Future[_Answer], error: BaseException | None) -> ParseResult[K]:
        if error is None:
            return ParseResult(job.key, *future.result())
        outcome = _rejected(job.data, _reason(error, self._limits))
        return ParseResult(job.key, outcome, time.perf_counter() - job.started)

    def _submit(self, job: _Job[K], waiting: _Waiting[K]) -> None:
        try:
            future: Future[_Answer] = self._pool.schedule(
                _parse_within, args=(self._parser, job.data, self._limits), timeout=self._limits.seconds
            )
        except RuntimeError as error:  # the pool broke after it took the job before this one
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        waiting[future] = job

    def _start_over(self, waiting: _Waiting[K]) -> None:
        """Give unfinished jobs to a new pool. Pebble gives up when a worker dies that it did not know to be busy."""
        self._stop()
        self._pool = self._new_pool()
        for future, job in list(waiting.items()):
            if not future.done() or isinstance(future.exception(), BrokenProcessPool):
                del waiting[future]
                self._submit(replace(job, attempt=job.attempt + 1), waiting)

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=_DOCUMENTS_PER_WORKER,
            initializer=_initialise_worker,
            initargs=(self._limits, os.getpid()),
            context=_WorkerContext(),
        )

    def _stop(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _reason(error: BaseException, limits: Limits) -> str:
    if isinstance(error, TimeoutError):
        return f"time_limit: {limits.seconds:g} s"
    if isinstance(error, ProcessExpired):
        return f"parser_crashed: {_exit_description(error.exitcode)}"
    return f"parser_crashed: {type(error).__name__}"  # its message may quote the document


def _exit_description(code: int) -> str:
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"


def _rejected(data: bytes, reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, media_type_of(data), NORMALISER)


# --- what runs in the worker ---


def _initialise_worker(limits: Limits, parent: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for native code to return
    _die_with_parent(parent)
    _silence()
    _lower_limit(resource.RLIMIT_AS, limits.memory_bytes)
    _lower_limit(resource.RLIMIT_CORE, 0)


def _die_with_parent(parent: int) -> None:
    """An idle worker sees its pipe close; one that is lost in a document needs the kernel to end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _silence() -> None:
    """Native parsers write complaints to the descriptors themselves; the user's terminal is not theirs."""
    with open(os.devnull, "wb") as null:
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)


def _lower_limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _parse_within(parser: Parser, data: bytes, limits: Limits) -> _Answer:
    started = time.perf_counter()
    try:
        outcome = parser(data)
    except MemoryError:
        outcome = _rejected(data, f"memory_limit: {limits.memory_bytes // _MIB} MiB")
    except Exception as error:  # noqa: BLE001 - the boundary: a parser's bug on one document must not end the batch
        outcome = _rejected(data, f"parser_crashed: {type(error).__name__}")
    if isinstance(outcome, Parsed) and len(outcome.text) > limits.output_characters:
        reason = f"too_large: {len(outcome.text)} characters, at most {limits.output_characters}"
        outcome = Refusal(DocumentState.REJECTED, reason, outcome.media_type, outcome.normaliser)
    return outcome, time.perf_counter() - started


# --- how a worker is started ---

_main_module = threading.Lock()


class _WorkerProcess(SpawnProcess):
    """A spawned process that does not import the caller's main script, which may pull in dagster or torch."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:
        with _main_module:
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _WorkerContext(SpawnContext):
    Process = _WorkerProcess
