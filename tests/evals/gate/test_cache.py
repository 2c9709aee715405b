"""Evaluations that were made before are found again, and no others."""

from pathlib import Path

import pytest

from evals.gate.cache import EvaluationCache, code_digest, name_of
from tests.evals.gate.evaluations import evaluation, golden, with_changed

NAME = name_of("candidate")


@pytest.fixture
def kept(tmp_path: Path) -> EvaluationCache:
    cache = EvaluationCache(tmp_path / "evaluations", b"k" * 32)
    cache.keep(NAME, evaluation())
    return cache


def test_what_was_kept_is_found_with_its_digest(kept: EvaluationCache) -> None:
    found = kept.find(NAME)

    assert found == evaluation()
    assert found is not None
    assert found.digest == evaluation().digest
    assert kept.find(name_of("another")) is None


def test_a_file_that_was_changed_or_put_there_by_another_is_as_if_it_were_not_there(kept: EvaluationCache) -> None:
    file = kept.folder / NAME
    content = file.read_bytes()
    forged = EvaluationCache(kept.folder, b"x" * 32)

    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert kept.find(NAME) is None
    forged.keep(NAME, evaluation(with_changed(golden(), range(9), decision="original")))
    assert kept.find(NAME) is None
    file.write_bytes(b"")
    assert kept.find(NAME) is None


def test_the_file_of_one_candidate_does_not_stand_for_another(kept: EvaluationCache) -> None:
    (kept.folder / name_of("another")).write_bytes((kept.folder / NAME).read_bytes())

    assert kept.find(name_of("another")) is None


def test_a_name_depends_on_every_part_and_on_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({name_of("a", "b"), name_of("ab"), name_of("b", "a")}) == 3
    before = name_of("a")
    code_digest.cache_clear()
    monkeypatch.setattr("evals.gate.cache._files", lambda: iter([("compliance_assets/x.py", b"changed")]))
    assert name_of("a") != before
    code_digest.cache_clear()
