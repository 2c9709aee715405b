"""An embedder behind a network interface."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.embedder.protocol import OnBatch, Vectors
from resources.embedder.word_piece import WordPiece, minilm_folder


class OpenAICompatibleEmbedder:
    """Any server that speaks the OpenAI embeddings protocol. Its own tokenizer is not known: WordPiece stands in."""

    BATCH_TEXTS = 128
    precision = "remote"

    def __init__(self, model: str) -> None:
        self.name = model
        self._word_piece = WordPiece(minilm_folder() / "tokenizer.json")

    @cached_property
    def dimension(self) -> int:
        """Asked of the server once."""
        return int(self._request(["dimension"]).shape[1])

    @cached_property
    def digest(self) -> str:
        """A remote model's weights cannot be hashed: its name, server and dimension stand for it."""
        return digest_of({"server": str(self._client.base_url), "model": self.name, "dimension": self.dimension})

    @property
    def tokenizer_id(self) -> str:
        """Names the tokenizer in the chunker's version."""
        return f"wordpiece-{self._word_piece.sha256[:8]}"

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Token offsets of each text, special tokens left out."""
        return self._word_piece.spans(texts)

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        """Unit vectors in the order of `texts`."""
        batches = []
        for start in range(0, len(texts), self.BATCH_TEXTS):
            batch = list(texts[start : start + self.BATCH_TEXTS])
            batches.append(self._request(batch))
            if on_batch:
                on_batch(len(batch))
        return np.concatenate(batches) if batches else np.zeros((0, self.dimension), np.float32)

    @cached_property
    def _client(self) -> Any:
        from resources.providers import openai_client

        return openai_client()

    def _request(self, texts: list[str]) -> Vectors:
        from openai import OpenAIError

        try:
            response = self._client.embeddings.create(model=self.name, input=texts, encoding_format="float")
        except OpenAIError as problem:
            raise DependencyUnavailable(
                "the embedding server did not answer",
                expected=f"embeddings of {self.name} from {self._client.base_url}",
                found=f"{type(problem).__name__}: {problem}",
                remedy="Check OPENAI_BASE_URL and OPENAI_API_KEY, or use COMPLIANCE_EMBEDDER=minilm.",
            ) from problem
        rows = sorted(getattr(response, "data", None) or [], key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(texts))):
            raise _unusable(f"{len(texts)} vectors, one for each text", f"{len(rows)} vectors")
        if len({len(row.embedding) for row in rows}) != 1:
            raise _unusable("vectors of one dimension", "vectors of several")
        vectors = np.asarray([row.embedding for row in rows], np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise _unusable("vectors with a direction", "a vector of zeros or of what is no number")
        return np.asarray(vectors / lengths, np.float32)


def _unusable(expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        "the embedding server's answer is not usable",
        expected=expected,
        found=found,
        remedy="Report it to the server's operator; nothing was stored.",
    )
