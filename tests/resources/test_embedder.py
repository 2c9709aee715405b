"""The embedders that run in process."""

import itertools
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from resources.embedder import (
    HashEmbedder,
    MiniLM,
    OpenAICompatibleEmbedder,
    Vectors,
    backends,
    embedder_from,
    length_sorted_batches,
)
from resources.embedder.agreement import Agreement, agreement
from resources.embedder.backends import FULL, candidates
from resources.embedder.bert import STEP, packed
from resources.embedder.lanes import Lanes

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
        assert float((vectors * reference).sum(axis=1).min()) > Agreement.MIN_COSINE
        assert sum(told) == len(texts)
        assert embedder.precision in {m.name for m in embedder.choice.measured if m.agreement.holds}
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


class TestPacked:
    """Rows one behind the other, padded as far as the processor likes."""

    @given(st.lists(st.lists(st.integers(1, 30_000), min_size=1, max_size=40), min_size=1, max_size=8))
    def test_rows_are_found_again_where_they_lie(self, rows: list[list[int]]) -> None:
        batch = packed(rows)
        for number, row in enumerate(rows):
            own = (batch.rows == number) & ~batch.hidden
            assert batch.ids[own].tolist() == row
            assert batch.places[own].tolist() == list(range(len(row)))
        assert not batch.ids[batch.hidden].any()
        assert all(length % STEP == 0 for length in batch.padded)

    def test_a_row_has_the_same_vector_in_any_company(self) -> None:
        embedder = MiniLM()
        texts = ["Short.", "A longer sentence about custody and liquidity.", "word " * 300]
        together = embedder.encode(texts)
        alone = np.concatenate([embedder.encode([text]) for text in texts])
        assert float((together * alone).sum(axis=1).min()) > 0.9995

    def test_threads_share_one_model(self) -> None:
        embedder = MiniLM()
        texts = [f"Note {number}: leases." for number in range(30)]
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: embedder.encode(texts), range(4)))
        assert all(np.allclose(vectors, found[0], atol=1e-3) for vectors in found)


def test_a_lane_computes_on_one_core_and_leaves_other_threads_as_they_were() -> None:
    import torch

    before = torch.get_num_threads()
    lanes = Lanes()
    assert lanes.count == before
    assert [found for _, found in lanes.run(lambda _: torch.get_num_threads(), range(4))] == [1] * 4
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == torch.get_num_threads() == before


class TestChoice:
    """What runs here is what agrees with fp32, and of that the fastest."""

    def test_the_backend_agrees_with_full_precision_and_none_that_agrees_is_faster(self) -> None:
        embedder = MiniLM()
        measured = {each.name: each for each in embedder.choice.measured}
        chosen = measured[embedder.precision]
        assert measured[FULL].agreement.min_cosine > 0.99999
        assert chosen.agreement.holds
        assert all(
            each.tokens_per_second <= chosen.tokens_per_second for each in measured.values() if each.agreement.holds
        )

    def test_a_candidate_that_this_machine_cannot_run_is_passed_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(folder: Path) -> Iterator[object]:
            yield from itertools.islice(candidates(folder), 1)
            yield lambda: (_ for _ in ()).throw(RuntimeError("no such operation"))

        monkeypatch.setattr(backends, "candidates", missing)
        assert MiniLM().precision == FULL

    @given(st.integers(0, 2**32 - 1), st.floats(0.0, 1e-5))
    def test_vectors_agree_with_themselves_and_with_what_rounding_leaves_of_them(self, seed: int, noise: float) -> None:
        vectors, disturbed = _noisy(seed, noise)
        assert agreement(vectors, disturbed).holds

    @given(st.integers(0, 2**32 - 1))
    def test_a_coarse_number_format_does_not_agree(self, seed: int) -> None:
        vectors, disturbed = _noisy(seed, 0.02)
        assert not agreement(vectors, disturbed).holds

    def test_what_is_no_number_does_not_agree(self) -> None:
        vectors, _ = _noisy(1, 0.0)
        assert not agreement(vectors, np.full_like(vectors, np.nan)).holds


def _noisy(seed: int, noise: float) -> tuple[Vectors, Vectors]:
    """Unit vectors, and the same with noise in every component."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(40, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    disturbed = vectors + noise * random.normal(size=vectors.shape)
    disturbed /= np.linalg.norm(disturbed, axis=1, keepdims=True)
    return vectors.astype(np.float32), disturbed.astype(np.float32)
