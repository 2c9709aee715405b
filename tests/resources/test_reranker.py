"""The reranker on a cross-encoder of a few thousand parameters, made here: no weights are downloaded."""

from pathlib import Path

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.reranker import CrossEncoderReranker, reranker_from

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "custody", "reserve", "bank", "fund", "the", "of", "holds"]
PASSAGES = ["the bank holds custody", "the reserve of the fund", "fund " * 900]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with random weights, as its makers would save one."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    made = tmp_path_factory.mktemp("tiny-cross-encoder")
    vocabulary = made / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(made)
    BertTokenizer(str(vocabulary)).save_pretrained(made)
    return made


def test_a_folder_with_a_model_scores_every_passage_the_same_each_time(folder: Path) -> None:
    scores = CrossEncoderReranker(folder).scores("the custody", PASSAGES)

    assert len(set(scores)) == len(PASSAGES)
    assert CrossEncoderReranker(folder).scores("the custody", PASSAGES) == scores
    assert CrossEncoderReranker(folder).scores("the reserve", PASSAGES) != scores


def test_nothing_to_read_loads_no_model(tmp_path: Path) -> None:
    assert CrossEncoderReranker(tmp_path).scores("the custody", []) == []


def test_its_name_says_which_files_it_was(folder: Path) -> None:
    name = CrossEncoderReranker(folder).name
    config = folder / "config.json"
    text = config.read_text()

    assert name.startswith(f"{folder.name}@")
    config.write_text(text + " ")
    assert CrossEncoderReranker(folder).name != name
    config.write_text(text)
    assert CrossEncoderReranker(folder).name == name


@pytest.mark.parametrize("files", [(), ("config.json",)])
def test_a_folder_without_a_model_is_refused_with_what_was_expected(tmp_path: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    reranker = reranker_from(str(tmp_path))
    assert reranker is not None
    for use in (lambda: reranker.name, lambda: reranker.scores("the custody", PASSAGES)):
        with pytest.raises(DependencyUnavailable) as refused:
            use()
        assert "model.safetensors" in refused.value.expected
        assert "COMPLIANCE_RERANKER" in refused.value.remedy


def test_without_a_folder_there_is_none() -> None:
    assert reranker_from("") is None
