"""What an embedder is."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
OnBatch = Callable[[int], None]


class Embedder(Protocol):
    """`encode` returns an array of shape (len(texts), dimension), float32, rows of length 1."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def digest(self) -> str:
        """SHA-256 that stands for the model: vectors of two digests never meet in one index."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def precision(self) -> str:
        """Number format and backend of the encoding, for example `bf16/torch-cpu`."""

    @property
    def tokenizer_id(self) -> str:
        """Names the tokenizer in the chunker's version."""

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Offsets of the tokens of each text in code points, special tokens left out."""

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        """Unit vectors in the order of `texts`; `on_batch` is told how many were just done. Several threads may call it."""
