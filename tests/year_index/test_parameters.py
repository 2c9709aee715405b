from dataclasses import replace

import pytest

from compliance_assets.year_index.parameters import (
    RULE,
    IndexIdentity,
    IndexParameters,
    IndexRule,
    code_version_of,
    parameters_of,
)

IDENTITY = IndexIdentity("0" * 8, 2023, "hash-384", "e" * 64, 384, "words-1", "c" * 64, RULE.digest)


@pytest.mark.parametrize(
    ("rows", "dimension", "kind"),
    [
        (0, 384, "exact"),
        (2_000, 384, "exact"),
        (2_001, 384, "hnsw"),
        (1_000_000, 384, "hnsw"),
        (6_000_000, 384, "binary"),
        (1_000_000, 3_072, "binary"),  # as many bytes of vectors
        (600_000, 3_072, "hnsw"),
        (2_001, 4_000, "hnsw"),
        (2_001, 4_001, "binary"),  # no graph of halfvecs holds so many dimensions
    ],
)
def test_the_size_of_a_year_decides_its_kind_of_index(rows: int, dimension: int, kind: str) -> None:
    assert RULE.kind_for(rows, dimension) == kind
    assert {step.kind for step in RULE.steps(rows, dimension)} == {kind}


@pytest.mark.parametrize("rows", [3_000, 10_000_000])
def test_each_step_is_wider_than_the_one_before_and_none_wider_than_pgvector_allows(rows: int) -> None:
    steps = RULE.steps(rows, 384)
    widths = [(step.rescored, step.ef_search) for step in steps]

    assert widths == sorted(set(widths))
    assert max(step.ef_search for step in steps) <= 1_000


def test_what_an_index_was_tuned_to_does_not_change_its_version_but_another_rule_does() -> None:
    other = replace(IDENTITY, rule_digest=IndexRule(m=32).digest)

    assert other.version != IDENTITY.version
    assert IndexRule().digest == RULE.digest != IndexRule(exact_up_to=1).digest


def test_recorded_parameters_come_back() -> None:
    for step in (*RULE.steps(0, 384), *RULE.steps(10**5, 384), *RULE.steps(10**7, 384)):
        recorded = IDENTITY.recorded(step)
        assert parameters_of(recorded) == step
        assert (recorded["rule"], code_version_of(recorded)) == (RULE.digest, "2")


def test_a_version_of_the_first_code_is_still_read() -> None:
    recorded = {"m": 16, "ef_construction": 100, "ef_search": 200}

    assert parameters_of(recorded) == IndexParameters("hnsw", 16, 100, 200)
    assert code_version_of(recorded) == "1"
