"""An embedder without a model."""

import re
from collections.abc import Sequence
from functools import cached_property
from hashlib import blake2b

import numpy as np

from compliance_assets.contracts.canonical import digest_of
from resources.embedder.protocol import OnBatch, Vectors


class HashEmbedder:
    """Deterministic lexical hashing, offline, for tests and for deployments without a model.

    Words are hashed to signed dimensions (feature hashing, Weinberger et al. 2009), weighted by 1 + log(count).
    """

    name = "hash-384"
    dimension = 384
    precision = "fp32/numpy"
    tokenizer_id = "words-1"

    @cached_property
    def digest(self) -> str:
        """Digest of the method and its one parameter."""
        return digest_of({"method": "signed-feature-hashing/1", "dimension": self.dimension})

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Words and single other characters, with their offsets."""
        return [[match.span() for match in re.finditer(r"\w+|[^\w\s]", text)] for text in texts]

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        """Unit vectors; a text without words gets the first axis."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            counts: dict[str, int] = {}
            for word in re.findall(r"\w+", text.lower()):
                counts[word] = counts.get(word, 0) + 1
            for word, count in counts.items():
                hashed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
                vectors[row, hashed % self.dimension] += (1 if hashed >> 63 else -1) * (1 + np.log(count))
        vectors[~vectors.any(axis=1), 0] = 1
        if on_batch:
            on_batch(len(texts))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
