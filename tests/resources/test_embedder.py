"""The embedders that run in process."""

import itertools
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from resources.embedder import HashEmbedder, MiniLM, OpenAICompatibleEmbedder, embedder_from, length_sorted_batches

lengths_drawn = st.lists(st.integers(1, 50), max_size=40)


@given(lengths_drawn, st.integers(50, 200))
def test_every_text_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = length_sorted_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))


@given(lengths_drawn, st.integers(50, 200))
def test_a_padded_batch_keeps_the_budget(lengths: list[int], budget: int) -> None:
    for batch in length_sorted_batches(lengths, budget):
        assert len(batch) * max(lengths[i] for i in batch) <= budget


@given(lengths_drawn, st.integers(50, 200))
def test_the_longest_come_first(lengths: list[int], budget: int) -> None:
    in_order = [lengths[i] for batch in length_sorted_batches(lengths, budget) for i in batch]
    assert in_order == sorted(lengths, reverse=True)


@given(lengths_drawn, st.integers(50, 200))
def test_no_batch_could_have_taken_the_first_text_of_the_next(lengths: list[int], budget: int) -> None:
    batches = length_sorted_batches(lengths, budget)
    for batch, _ in itertools.pairwise(batches):
        assert (len(batch) + 1) * lengths[batch[0]] > budget


def test_a_text_over_the_budget_is_a_batch_of_its_own() -> None:
    assert length_sorted_batches([3, 99, 3], 10) == [[1], [0, 2]]
    assert length_sorted_batches([], 10) == []


class TestHash:
    embedder = HashEmbedder()

    @given(st.lists(st.text(max_size=30), max_size=6))
    def test_every_row_has_length_1(self, texts: list[str]) -> None:
        vectors = self.embedder.encode(texts)
        assert (vectors.shape, vectors.dtype) == ((len(texts), 384), np.float32)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    @given(st.lists(st.text(max_size=30), max_size=6))
    def test_a_text_has_the_same_vector_in_any_company(self, texts: list[str]) -> None:
        together = self.embedder.encode(texts)
        alone = [self.embedder.encode([text])[0] for text in texts]
        assert all(np.array_equal(row, one) for row, one in zip(together, alone, strict=True))

    def test_vectors_do_not_change_between_processes(self) -> None:
        [vector] = self.embedder.encode(["liquidity policy of the fund"])
        found = {int(i): round(float(vector[i]), 4) for i in np.flatnonzero(vector)}
        assert found == {84: 0.4472, 147: 0.4472, 174: -0.4472, 262: 0.4472, 283: 0.4472}
        assert self.embedder.digest == "a0581ddc23de661948bb69ef9a77e226c75967e725d5bc3c0297344be03749c6"

    def test_texts_that_share_words_are_nearer(self) -> None:
        question, near, far = self.embedder.encode(
            ["Which bank holds the assets?", "The assets are held by the bank.", "Dividends were paid in March."]
        )
        assert question @ near > question @ far

    def test_progress_is_told(self) -> None:
        told: list[int] = []
        self.embedder.encode(["one", "two"], told.append)
        assert told == [2]


@pytest.fixture
def other_weights(tmp_path: Path) -> Path:
    """The model's folder with one bit of its weights changed."""
    original = Path(str(MiniLM()._folder))
    folder = tmp_path / "model"
    shutil.copytree(original, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    shutil.copyfile(original / "model.safetensors", folder / "model.safetensors")
    with open(folder / "model.safetensors", "r+b") as weights:
        weights.seek(-1, os.SEEK_END)
        last = weights.read(1)[0]
        weights.seek(-1, os.SEEK_END)
        weights.write(bytes([last ^ 1]))
    return folder


class TestMiniLM:
    def test_other_weights_are_refused(self, other_weights: Path) -> None:
        with pytest.raises(IntegrityError, match=f"expected SHA-256 {MiniLM.WEIGHTS_SHA256}"):
            MiniLM(other_weights).encode(["text"])

    def test_another_tokenizer_is_another_model(self, tmp_path: Path) -> None:
        original = Path(str(MiniLM()._folder))
        shutil.copytree(original, tmp_path / "model")
        tokenizer = tmp_path / "model" / "tokenizer.json"
        tokenizer.write_text(tokenizer.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        assert MiniLM(tmp_path / "model").digest != MiniLM().digest
        assert MiniLM(tmp_path / "model").tokenizer_id != MiniLM().tokenizer_id

    def test_the_digest_keeps_its_golden_value(self) -> None:
        assert MiniLM().digest == "250869f38ca3cfa91a89affc0777fdac0e41d0101a2ac83923b1257b244684e8"

    def test_token_spans_are_offsets_into_the_text(self) -> None:
        text = "Ação \U0001f600 unbelievably ﬁne"
        [spans] = MiniLM().token_spans([text])
        assert [text[a:b] for a, b in spans] == ["Aç", "ão", "😀", "un", "bel", "ie", "va", "bly", "ﬁ", "ne"]
        assert len(MiniLM().token_spans(["word " * 3_000])[0]) == 3_000, "the tokenizer cut the text"

    def test_it_agrees_with_the_plain_model_in_the_order_of_the_texts_and_refuses_what_it_would_cut(self) -> None:
        from sentence_transformers import SentenceTransformer

        texts = [
            "Short.",
            "The fund keeps liquidity of at least eleven percent of its net assets. " * 20,
            "Os bens e direitos do contribuinte em 31 de dezembro.",
            "",
            "Which bank holds the assets of Northwind in segregated accounts?",
            *(f"Note {number}. Leases of {number} years are recognised." for number in range(40)),
        ]
        embedder = MiniLM()
        told: list[int] = []
        vectors = embedder.encode(texts, told.append)
        plain = SentenceTransformer(str(embedder._folder), device="cpu", local_files_only=True)
        plain.max_seq_length = MiniLM.MAX_TOKENS
        reference = plain.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        assert (vectors.shape, vectors.dtype) == ((len(texts), MiniLM.dimension), np.float32)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
        assert float((vectors * reference).sum(axis=1).min()) > MiniLM.MIN_COSINE
        assert sum(told) == len(texts)
        assert embedder.precision in {"fp32/torch-cpu", "bf16/torch-cpu"}
        assert embedder.encode([]).shape == (0, 384)

        longest = "word " * (MiniLM.MAX_TOKENS - 2)
        assert embedder.encode([longest]).shape == (1, 384)
        with pytest.raises(InvalidInput, match="at most 512 tokens; found 513 tokens"):
            embedder.encode(["short", longest + "word"])


@pytest.mark.parametrize(
    ("spec", "kind"),
    [("minilm", MiniLM), ("hash", HashEmbedder), ("openai:text-embedding-3-large", OpenAICompatibleEmbedder)],
)
def test_a_setting_names_its_embedder(spec: str, kind: type) -> None:
    assert isinstance(embedder_from(spec), kind)


@pytest.mark.parametrize("spec", ["", "openai:", "openai", "MiniLM", "word2vec"])
def test_another_setting_is_refused(spec: str) -> None:
    with pytest.raises(InvalidInput, match="minilm, hash or openai:MODEL"):
        embedder_from(spec)
