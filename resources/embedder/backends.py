"""Which precision and backend this machine encodes with: measured with the first encoding, never assumed.

Only what agrees with fp32 is used, and of that the fastest. int8 is no candidate: its vectors lost a neighbour in twelve, and on
a processor with bf16 it is not even faster.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resources.embedder.agreement import Agreement, agreement
from resources.embedder.bert import Bert, OneDnnDense
from resources.embedder.lanes import Lanes
from resources.embedder.protocol import Vectors

if TYPE_CHECKING:
    Make = Callable[[], Bert]

FULL = "fp32/torch-cpu"
ROUNDS = 3
#: What is timed: rows as long as windows are.
TIMED_ROWS = [[101, *range(2_000, 2_254), 102]] * 2


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate: how well it agrees with fp32, and how many tokens a second all lanes together encode with it."""

    name: str
    agreement: Agreement
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What is used, and what every candidate that runs here measured."""

    model: Bert
    measured: tuple[Measured, ...]


def choose(folder: Path, probe: Sequence[Sequence[int]], lanes: Lanes) -> Choice:
    """The fastest candidate whose vectors of the probe (token ids) agree with those of fp32."""
    runnable = [(model, vectors) for make in candidates(folder) for model, vectors in _tried(make, probe, lanes)]
    reference = runnable[0][1]
    agreements = {model: agreement(reference, vectors) for model, vectors in runnable}
    seconds: dict[Bert, list[float]] = {model: [] for model in agreements}
    for _ in range(ROUNDS):
        for model in seconds:
            seconds[model].append(lanes.once(lambda model=model: _seconds(model)))  # type: ignore[misc]
    tokens = sum(map(len, TIMED_ROWS))
    measured = {
        model: Measured(
            model.name, found, tokens * (1 if model.on_gpu else lanes.count) / statistics.median(seconds[model])
        )
        for model, found in agreements.items()
    }
    fit = [model for model in measured if measured[model].agreement.holds]
    return Choice(max(fit, key=lambda model: measured[model].tokens_per_second), tuple(measured.values()))


def candidates(folder: Path) -> "Iterator[Make]":
    """What may run here; fp32 first, which everything else is compared with."""
    import torch

    yield lambda: Bert(folder, FULL, torch.float32)
    yield lambda: Bert(folder, "bf16/torch-cpu", torch.bfloat16)
    yield lambda: Bert(folder, "bf16/onednn-cpu", torch.bfloat16, dense=OneDnnDense)
    if torch.cuda.is_available():
        yield lambda: Bert(folder, "fp16/torch-cuda", torch.float16, device="cuda")
        yield lambda: Bert(folder, "bf16/torch-cuda", torch.bfloat16, device="cuda")


def _tried(make: "Make", probe: Sequence[Sequence[int]], lanes: Lanes) -> Iterator[tuple[Bert, Vectors]]:
    """The model with its vectors of the probe, nothing where it cannot run here."""
    with suppress(AttributeError, RuntimeError):  # an operation that this torch or this processor does not have
        model = lanes.once(make)
        pieces = [probe[start :: lanes.count * 2] for start in range(lanes.count * 2)]
        vectors = np.zeros((len(probe), model.dimension), np.float32)
        for number, found in lanes.run(lambda number: model.encode(pieces[number]), range(len(pieces))):
            vectors[number :: len(pieces)] = found
        yield model, vectors


def _seconds(model: Bert) -> float:
    """Of the thread's own time on a processor, which others on the machine do not lengthen; by the clock on a GPU."""
    clock = time.perf_counter if model.on_gpu else time.thread_time
    started = clock()
    model.encode(TIMED_ROWS)
    return clock() - started
