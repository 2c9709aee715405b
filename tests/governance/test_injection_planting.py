"""Attacks in passages, generated material, and the numbers of the evaluation."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from evals.injection_corpora import SHARED, benign, half_of, passages_of
from evals.injection_planting import BIPIA, PLACES, attacks_in, plant
from evals.injection_report import Scores, area_of, curve_of, cut_at, rate
from evals.injection_templates import FOLDS, samples


@given(st.text(max_size=200), st.text(min_size=1, max_size=50), st.sampled_from(PLACES), st.integers(0, 5))
def test_a_planted_attack_stands_where_it_is_said_to(passage: str, attack: str, place: str, seed: int) -> None:
    made = plant(passage, attack, place, seed)  # type: ignore[arg-type]
    assert made.text[made.start : made.end] == attack
    assert len(made.text) == len(passage) + len(attack) + 1
    assert made == plant(passage, attack, place, seed)  # type: ignore[arg-type]


def test_the_middle_lies_between_two_sentences_where_there_are_any() -> None:
    made = plant("One is here. Two is here. Three is here. Four is here.", "X", "middle")
    assert made.text[: made.start].endswith((". ", ".  "))
    assert 0 < made.start < len(made.text) - 2


def test_attacks_have_ids_of_their_own(tmp_path: Path) -> None:
    for file in ("text_attack_train.json", "code_attack_train.json"):
        (tmp_path / file).write_text(json.dumps({"Persuasion": ["a", "b"]}))
    assert [attack.id for attack in attacks_in(tmp_path)] == [
        "text/Persuasion/0",
        "text/Persuasion/1",
        "code/Persuasion/0",
        "code/Persuasion/1",
    ]


def test_missing_attacks_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="attacks not found"):
        list(attacks_in(tmp_path))


@pytest.mark.skipif(not BIPIA.is_dir(), reason="the published attacks are not beside the project")
def test_the_published_attacks_are_five_of_each_family() -> None:
    assert len({attack.id for attack in attacks_in()}) == 125


def test_held_out_material_shares_no_template_with_the_rest() -> None:
    texts = {fold: {s.text for s in samples(2, 1, only=fold)} for fold in range(FOLDS)}
    assert all(texts.values())
    assert texts[0].isdisjoint({s.text for s in samples(2, 1, without=0)})
    assert list(samples(2, 1)) == list(samples(2, 1))


def test_no_slot_of_a_template_stays_open() -> None:
    assert not [s.text for s in samples(1, 3) if "{" in s.text.replace('{"decision"', "")]


@given(st.text(alphabet="ab \n", max_size=5000))
def test_passages_are_pieces_of_their_text(text: str) -> None:
    for passage in passages_of(text, 100):
        assert passage in text
        assert len(passage) <= 100


def test_a_document_belongs_to_one_half() -> None:
    assert {half_of(f"document {i}") for i in range(50)} == {"training", "measuring"}


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real material is not beside the project")
def test_no_document_trains_and_measures() -> None:
    training = {(text.source, text.document) for text in benign("training")}
    contracts = (path.stem for path in (SHARED / "cuad/txt").glob("*.txt") if half_of(path.stem) == "measuring")
    assert training.isdisjoint({("contracts (CUAD)", name) for name in contracts})


def test_the_area_is_one_for_a_perfect_detector_and_a_half_for_a_blind_one() -> None:
    assert area_of(Scores((0.9, 0.8), (0.1, 0.2, 0.3))) == 1.0
    assert area_of(Scores((0.5, 0.5), (0.5,))) == 0.5
    assert curve_of(Scores((0.9,), (0.1,)))[-1][1:] == (1.0, 1.0)


def test_the_cut_leaves_no_more_than_the_share_above_it() -> None:
    benign_scores = [i / 100 for i in range(100)]
    cut = cut_at(benign_scores, 0.05)
    assert sum(s > cut for s in benign_scores) == 5


def test_a_rate_has_an_interval_around_it() -> None:
    found = rate(5, 100)
    assert found["low"] < found["share"] < found["high"]
    assert rate(0, 0)["share"] is None
