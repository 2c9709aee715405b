"""Rerankers: models that read a question and a passage together. None is used unless a deployment names one."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


class Reranker(Protocol):
    """Orders what a search found."""

    @property
    def name(self) -> str:
        """The model and the digest of its files: recorded with every hit that it ranked."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """How well each passage answers the question, higher is better."""


class CrossEncoderReranker:
    """A cross-encoder from a folder, through sentence-transformers, on this machine. It loads with the first question."""

    BATCH = 16
    MAX_TOKENS = 512

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def name(self) -> str:
        """For example `ms-marco-minilm@3f2a91c04b7e`. Raises DependencyUnavailable where the folder holds no model."""
        files = sorted(path for path in self._folder.glob("*") if path.suffix in (".safetensors", ".json", ".txt"))
        if not any(path.suffix == ".safetensors" for path in files):
            raise DependencyUnavailable(
                "the reranker is not there",
                expected=f"the files of a cross-encoder in {self._folder}, model.safetensors among them",
                found=", ".join(path.name for path in files) or "no such files",
                remedy="Correct COMPLIANCE_RERANKER, or unset it: the fused ranks then decide.",
            )
        digest = digest_of([[path.name, sha256_hex(path.read_bytes())] for path in files])
        return f"{self._folder.name}@{digest[:12]}"

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """The model's own scores, unscaled."""
        if not passages:
            return []
        pairs = [(question, passage) for passage in passages]
        found = self._model.predict(pairs, batch_size=self.BATCH, show_progress_bar=False)
        return [float(score) for score in found]

    @cached_property
    def _model(self) -> "CrossEncoder":
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging

        assert self.name  # a folder without a model is refused with what was expected
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model: CrossEncoder = CrossEncoder(
            str(self._folder), device="cpu", local_files_only=True, max_length=self.MAX_TOKENS
        )
        return model


def reranker_from(folder: str) -> Reranker | None:
    """The reranker in a folder; none where no folder is named."""
    return CrossEncoderReranker(Path(folder)) if folder else None
