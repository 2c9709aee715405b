import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed, Refusal


def test_nothing_is_empty() -> None:
    outcome = parse(b"")
    assert isinstance(outcome, Refusal)
    assert (outcome.state, outcome.reason) == (DocumentState.REJECTED, "empty")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"\x89PNG\r\n\x1a\n", "image/png"), (b"<?xml version='1.0'?><a/>", "application/xml")],
)
def test_a_kind_without_a_parser_waits_for_a_person(data: bytes, media_type: str) -> None:
    outcome = parse(data)
    assert isinstance(outcome, Refusal)
    assert outcome.state is DocumentState.NEEDS_HUMAN
    assert outcome.reason == f"unsupported_media_type: {media_type}"


@pytest.mark.parametrize(("data", "media_type"), [(b"<html>text", "text/html"), (b"text", "text/plain")])
def test_the_content_chooses_the_parser(data: bytes, media_type: str) -> None:
    outcome = parse(data)
    assert isinstance(outcome, Parsed)
    assert outcome.media_type == media_type


@settings(deadline=None)
@given(st.sampled_from([b"", b"%PDF-1.7\n", b"<html>", b"PK\x03\x04", b"\xff\xfe"]), st.binary())
def test_any_bytes_become_an_outcome(opening: bytes, rest: bytes) -> None:
    assert isinstance(parse(opening + rest), Parsed | Refusal)
