"""Everything that an insider can do to a ledger is found, the first bad entry is named, and the committed document says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.audit_ledger.checkpoints import verifier_of
from compliance_assets.evidence.verification import verify_all
from compliance_assets.evidence.watch import watch
from evals.ledger_mutations import DOCUMENT, PARTS, Outcome, alone, by_replay, read_rows, run
from evals.ledger_scene import A, Scene
from evals.ledger_tampering import LIMITS, MUTATIONS, NOT_HELD

Outcomes = dict[str, Outcome]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scene(database_url: str, session_dir: Path) -> Iterator[Scene]:
    made = Scene(database_url, session_dir)
    made.build()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def outcomes(scene: Scene) -> Outcomes:
    return {outcome.name: outcome for outcome in run(scene, MUTATIONS)}


@pytest.fixture(scope="module")
def limits(scene: Scene) -> list[Outcome]:
    return run(scene, (*LIMITS, *NOT_HELD))


def test_the_ledger_is_large_enough_and_sound_before_anything_happens_to_it(scene: Scene) -> None:
    with scene.case() as case:
        both = [verify_all(case.archive), verify_all(case.other)]
        parts = alone(case.archive, verifier_of(case.archive.keyring, A))

        assert scene.size >= 2_000
        assert [result.verified for result in both] == [True, True]
        assert both[0].ledger.amended, "a documented rewrite is among it"
        assert both[0].evidence.erased == 1
        assert watch(case.archive) == ()
        assert not by_replay(case, case.archive, case.written).found
        assert not any(parts[part].found for part in PARTS)


@pytest.mark.parametrize("name", [mutation.name for mutation in MUTATIONS])
def test_it_is_found_and_the_first_bad_entry_is_named(outcomes: Outcomes, name: str) -> None:
    outcome = outcomes[name]

    assert outcome.finding.found
    assert outcome.finding.seq == outcome.expected, outcome.finding.said


def test_no_part_alone_finds_what_all_of_them_find(outcomes: Outcomes) -> None:
    for part in PARTS:
        others = [other for other in PARTS if other != part]
        assert any(
            o.parts[part].found and not any(o.parts[other].found for other in others) for o in outcomes.values()
        ), f"the {part} finds nothing that the others miss"
        assert any(not o.parts[part].found for o in outcomes.values())


def test_what_the_document_says_that_nothing_notices_is_noticed_by_nothing(limits: list[Outcome]) -> None:
    assert [outcome.finding.found for outcome in limits] == [False] * len(limits)


def test_the_committed_document_says_what_a_fresh_run_says(outcomes: Outcomes, limits: list[Outcome]) -> None:
    fresh = {outcome.row for outcome in (*outcomes.values(), *limits)}

    assert read_rows(DOCUMENT.read_text(encoding="utf-8")) == fresh, "python -m evals.ledger_mutations --write"
