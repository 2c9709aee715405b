"""Every file of the robustness corpus goes through the worker pool: each has an outcome, none stops the others."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parsed import Parsed
from compliance_assets.normalised_documents.worker import Limits, ParseResult, ParserPool

CORPUS = Path(__file__).parents[2].parent / "shared/data/robust"

pytestmark = [
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the robustness corpus is not at {CORPUS}"),
    pytest.mark.timeout(120),
]

# Dispositions that honour the label. A damaged file may still show its text; it may not pass for read without any.
AGREES = {
    "valid": {"parsed"},
    "valid_no_text": {"no_text_layer"},
    "image_only": {"no_text_layer"},
    "encrypted_owner_only_readable": {"parsed"},
    "encrypted_user_password": {"encrypted"},
    "recoverable_damaged": {"parsed"},
    "broken_partially_readable": {"parsed", "no_text_layer", "unsupported_media_type"},
    "broken_unreadable": {"damaged", "no_text_layer", "unsupported_media_type"},
}


@dataclass(frozen=True, slots=True)
class RobustFile:
    name: str
    kind: str
    expected: str


@pytest.fixture(scope="module")
def results() -> list[ParseResult[RobustFile]]:
    rows = [json.loads(line) for line in (CORPUS / "manifest.jsonl").read_text().splitlines()]
    files = [RobustFile(row["file"], row["kind"], row["expected"]) for row in rows]
    with ParserPool(2, Limits(seconds=20)) as pool:
        return list(pool.parse_all((file, (CORPUS / file.name).read_bytes()) for file in files))


def disposition(result: ParseResult[RobustFile]) -> str:
    return "parsed" if isinstance(result.outcome, Parsed) else result.outcome.reason.partition(":")[0]


def test_every_file_has_one_outcome_and_no_parser_crashed_or_hung(results: list[ParseResult[RobustFile]]) -> None:
    assert len({result.key for result in results}) == len(results) == 271
    stopped = [result for result in results if disposition(result) in {"parser_crashed", "time_limit", "memory_limit"}]
    assert stopped == []


def test_what_is_read_has_text_and_pages_that_tile_it(results: list[ParseResult[RobustFile]]) -> None:
    for outcome in (result.outcome for result in results):
        if isinstance(outcome, Parsed):
            assert outcome.text.strip()
            assert list(outcome.page_ends) == sorted(outcome.page_ends)
            assert outcome.page_ends[-1] == len(outcome.text)
            assert "\x00" not in outcome.text
            outcome.text.encode("utf-8")


def test_what_has_no_parser_yet_waits_for_a_person(results: list[ParseResult[RobustFile]]) -> None:
    for result in results:
        if disposition(result) == "unsupported_media_type":
            assert not isinstance(result.outcome, Parsed)
            assert result.outcome.state is DocumentState.NEEDS_HUMAN


def test_pdfs_are_treated_as_their_labels_say(results: list[ParseResult[RobustFile]]) -> None:
    pdfs = [result for result in results if result.key.kind == "pdf"]
    disagreeing = [result for result in pdfs if disposition(result) not in AGREES[result.key.expected]]
    for result in disagreeing:
        print(f"{result.key.name}: labelled {result.key.expected}, became {disposition(result)}")
    print(f"{len(pdfs) - len(disagreeing)} of {len(pdfs)} agree")
    by_label = Counter(result.key.expected for result in disagreeing)
    assert by_label["valid"] == by_label["encrypted_owner_only_readable"] == 0
    assert len(disagreeing) <= 0.1 * len(pdfs)


def test_xml_is_never_expanded(results: list[ParseResult[RobustFile]]) -> None:
    for result in results:
        if result.key.kind == "xml_attack" and isinstance(result.outcome, Parsed):
            assert len(result.outcome.text) < 1_000
