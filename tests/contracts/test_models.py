from typing import Any

import pytest

from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.envelope import Envelope
from compliance_assets.contracts.errors import ComplianceError, DependencyUnavailable, IntegrityError, InvalidInput
from compliance_assets.contracts.hit import Hit, RetrievalScope
from compliance_assets.contracts.release import Release
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from tests.contracts import examples


def with_pages(*ranges: tuple[int, int, int]) -> dict[str, Any]:
    pages = [{"page": page, "char_start": a, "char_end": b, "origin": "markup"} for page, a, b in ranges]
    return {**examples.envelope(), "raw_pages": pages}


def with_citation_of(chunk_id: str) -> dict[str, Any]:
    return {**examples.response_envelope(), "response_segments": [{"text": "So.", "cited_chunk_ids": [chunk_id]}]}


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([], id="no page for the text"),
        pytest.param([(1, 0, 9), (2, 10, 19)], id="a gap"),
        pytest.param([(1, 0, 11), (2, 10, 19)], id="an overlap"),
        pytest.param([(1, 0, 10), (2, 10, 18)], id="an end before the text's"),
        pytest.param([(1, 0, 10), (2, 10, 20)], id="an end beyond the text's"),
        pytest.param([(2, 0, 10), (3, 10, 19)], id="pages that do not count from 1"),
        pytest.param([(1, 0, 10), (3, 10, 19)], id="a page number left out"),
        pytest.param([(2, 10, 19), (1, 0, 10)], id="pages out of order"),
        pytest.param([(1, 0, 10), (2, 10, 5), (3, 5, 19)], id="a page that ends before it starts"),
    ],
)
def test_an_envelope_refuses_pages_that_do_not_tile_its_text(pages: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="raw_pages must tile raw_text"):
        Envelope.model_validate(with_pages(*pages))


def test_an_envelope_may_have_empty_pages() -> None:
    assert Envelope.model_validate(with_pages((1, 0, 0), (2, 0, 19), (3, 19, 19))).raw_pages[1].char_end == 19


def test_an_envelope_of_a_document_without_text_has_no_pages() -> None:
    assert Envelope.model_validate({**with_pages(), "raw_text": ""}).raw_pages == ()


def test_page_offsets_count_code_points_not_bytes() -> None:
    text = "\U0001f600e\u0301"
    assert Envelope.model_validate({**with_pages((1, 0, 3)), "raw_text": text}).raw_pages[0].char_end == len(text)


def test_a_response_refuses_a_segment_that_cites_a_chunk_which_was_not_retrieved() -> None:
    with pytest.raises(ValueError, match=r"not retrieved: \['ck_elsewhere'\]"):
        ResponseEnvelope.model_validate(with_citation_of("ck_elsewhere"))


def test_a_response_may_have_a_segment_without_a_citation() -> None:
    plain = {**examples.response_envelope(), "response_segments": [{"text": "No answer.", "cited_chunk_ids": []}]}
    assert ResponseEnvelope.model_validate(plain).response_segments[0].cited_chunk_ids == ()


def test_a_hit_from_before_there_were_rerankers_is_written_as_it_was() -> None:
    older = examples.hit()
    older["method"] = {name: value for name, value in older["method"].items() if name not in ("reranker", "scope_from")}
    assert Hit.model_validate(older).model_dump(mode="json") == older


@pytest.mark.parametrize(
    "response_id",
    [
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "rsp_01ARZ3NDEKTSV4RRFFQ69G5FA",
        "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAVV",
        "rsp_01arz3ndektsv4rrffq69g5fav",
        "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAI",  # I, L, O and U are no ULID letters
        "rsp_01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
    ],
)
def test_a_response_id_is_rsp_and_a_ulid(response_id: str) -> None:
    with pytest.raises(ValueError, match="response_id"):
        ResponseEnvelope.model_validate({**examples.response_envelope(), "response_id": response_id})


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan")])
def test_confidence_lies_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        ResponseEnvelope.model_validate({**examples.response_envelope(), "confidence": confidence})


def test_nobody_has_approved_a_new_response() -> None:
    unsigned = examples.response_envelope()
    del unsigned["approver"], unsigned["approved_at"]
    response = ResponseEnvelope.model_validate(unsigned)
    assert (response.approver, response.approved_at) == (None, None)


@pytest.mark.parametrize(
    "bad", [{"page": 0}, {"char_start": -1}, {"text": ""}, {"text_sha256": "ABC"}, {"chunk_id": "1"}]
)
def test_a_chunk_refuses_values_that_cannot_be(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Chunk.model_validate({**examples.chunk(), **bad})


def test_a_release_is_named_by_its_content() -> None:
    release = Release.model_validate(examples.release())
    assert release.release_id == "f333e9e011a4f6a4a5b2eec423d483235b8b4f541641c69cbe1adaa8e93c99ca"
    for field, value in examples.release().items():
        other = "1" * 64 if field == "embedder_digest" else f"{value} changed"
        assert Release.model_validate({**examples.release(), field: other}).release_id != release.release_id


def test_a_scope_searches_the_asked_year_first_and_no_year_twice() -> None:
    assert RetrievalScope(year=2021).years == (2021,)
    assert RetrievalScope(year=2021, opt_in_years=(2020, 2021, 2022)).years == (2021, 2020, 2022)


@pytest.mark.parametrize(("error", "code"), [(IntegrityError, 1), (InvalidInput, 2), (DependencyUnavailable, 3)])
def test_an_error_says_what_was_expected_what_was_found_and_what_to_do(error: type[ComplianceError], code: int) -> None:
    problem = error("the tap is closed", expected="water", found="none", remedy="Open it.")
    assert str(problem) == "the tap is closed: expected water; found none. Open it."
    assert problem.exit_code == code
    assert problem.as_dict() == {
        "error": error.__name__,
        "problem": "the tap is closed",
        "expected": "water",
        "found": "none",
        "remedy": "Open it.",
    }


def test_what_cannot_be_stored_is_replaced_one_for_one_so_that_offsets_stay() -> None:
    assert storable("a\x00b\ud800c\U0001f600") == "a\ufffdb\ufffdc\U0001f600"
