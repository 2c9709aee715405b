import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.year_index.ranking import DEPTH, NEIGHBOURHOOD, Place, depth_for, fused, merged, spread

IDS = st.sampled_from("abcdefghij")
LIST = st.dictionaries(IDS, st.integers(-5, 5)).map(
    lambda found: [(float(score), each) for each, score in found.items()]
)
LISTS = st.lists(LIST, max_size=4)
PLACE = st.builds(Place, st.sampled_from("de"), st.integers(1, 2), st.sampled_from(["", "Fees"]), st.integers(0, 12))
RANKED = st.lists(PLACE, unique=True).map(lambda places: [(f"ck_{n}", place) for n, place in enumerate(places)])


def order(lists: list[list[tuple[float, str]]], depth: int = 10) -> list[str]:
    return [each for each, _ in fused(lists, depth, set())]


# ── fusion ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@given(lists=LISTS, shuffled=st.randoms(use_true_random=False))
def test_neither_the_order_of_lists_nor_that_of_their_rows_matters(
    lists: list[list[tuple[float, str]]], shuffled: object
) -> None:
    again = [list(found) for found in lists]
    for found in again:
        shuffled.shuffle(found)  # type: ignore[attr-defined]
    shuffled.shuffle(again)  # type: ignore[attr-defined]
    before, after = dict(fused(lists, 10, set())), dict(fused(again, 10, set()))
    assert before.keys() == after.keys()
    assert all(after[each] == pytest.approx(score) for each, score in before.items())


@given(lists=LISTS)
def test_only_ranks_count_whatever_the_figures_of_a_list_mean(lists: list[list[tuple[float, str]]]) -> None:
    stretched = [[(score**3 * 7 + 1, each) for score, each in found] for found in lists]
    assert fused(stretched, 10, set()) == fused(lists, 10, set())


@given(found=LIST)
def test_one_list_keeps_its_order_ties_by_id(found: list[tuple[float, str]]) -> None:
    assert order([found]) == [each for _, each in sorted(found, key=lambda one: (-one[0], one[1]))]


@given(lists=LISTS, depth=st.integers(1, 4))
def test_what_stands_deep_in_every_list_is_not_proposed(lists: list[list[tuple[float, str]]], depth: int) -> None:
    best = [sorted(found, key=lambda one: (-one[0], one[1]))[:depth] for found in lists]
    assert set(order(lists, depth)) == {each for found in best for _, each in found}


def test_what_two_lists_find_comes_before_what_either_finds_first() -> None:
    near, worded = [(0.9, "a"), (0.8, "both")], [(12.0, "b"), (11.0, "both")]
    assert order([near, worded]) == ["both", "a", "b"]


@given(lists=LISTS, opted_in=st.sets(IDS))
def test_what_lies_in_a_year_that_was_opted_into_counts_half(
    lists: list[list[tuple[float, str]]], opted_in: set[str]
) -> None:
    whole, weighted = dict(fused(lists, 10, set())), dict(fused(lists, 10, opted_in))
    assert weighted == {each: score / 2 if each in opted_in else score for each, score in whole.items()}


def test_more_hits_need_longer_lists() -> None:
    assert [depth_for(top_k) for top_k in (1, 8, 32, 100)] == [DEPTH, DEPTH, DEPTH, 200]


# ── neighbours ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(ranked=RANKED)
def test_what_is_left_is_in_its_order_and_the_first_is_never_left_out(ranked: list[tuple[str, Place]]) -> None:
    left = list(spread(ranked))
    assert left == [each for each, _ in ranked if each in left]
    assert left[:1] == [each for each, _ in ranked[:1]]


@given(ranked=RANKED)
def test_what_is_left_out_stands_beside_a_better_one_and_what_is_left_beside_none(
    ranked: list[tuple[str, Place]],
) -> None:
    left = set(spread(ranked))
    for number, (each, place) in enumerate(ranked):
        better = [other for kept, other in ranked[:number] if kept in left]
        beside = [
            other
            for other in better
            if (other.doc_id, other.page, other.section) == (place.doc_id, place.page, place.section)
            and abs(other.ordinal - place.ordinal) <= NEIGHBOURHOOD
        ]
        assert (each in left) == (not beside)


@pytest.mark.parametrize(
    ("other", "left"),
    [
        (Place("d", 1, "Fees", 5 + NEIGHBOURHOOD), False),
        (Place("d", 1, "Fees", 5 + NEIGHBOURHOOD + 1), True),
        (Place("d", 2, "Fees", 6), True),
        (Place("d", 1, "Custody", 6), True),
        (Place("e", 1, "Fees", 6), True),
    ],
)
def test_only_near_windows_of_one_section_and_page_are_neighbours(other: Place, left: bool) -> None:
    assert list(spread([("best", Place("d", 1, "Fees", 5)), ("other", other)])) == [
        "best",
        *(["other"] if left else []),
    ]


def test_every_part_of_a_question_has_its_first_hits_among_the_first() -> None:
    custodian, reserve = [("a", 0.9), ("both", 0.5)], [("b", 0.8), ("both", 0.5)]

    assert merged([custodian, reserve]) == [("a", 0.9), ("b", 0.8), ("both", 0.5)]


def test_the_ranking_of_one_part_is_its_own() -> None:
    assert merged([[("a", 0.9), ("b", 0.5)]]) == [("a", 0.9), ("b", 0.5)]
