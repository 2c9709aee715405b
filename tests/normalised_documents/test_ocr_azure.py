"""The real SDK against a local server: words come out, or a reason, and always in time."""

import time
from collections.abc import Iterator

import pytest

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import image
from compliance_assets.normalised_documents.ocr import azure
from compliance_assets.normalised_documents.ocr.azure import AzureEngine
from compliance_assets.normalised_documents.ocr.engine import EngineFailed
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal
from tests.azure_document_intelligence import KEY, AzureServer, azure_server
from tests.normalised_documents.drawn_pages import page, saved

SECONDS = 1.0
SCAN = saved(page("Imposto devido"), "PNG")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    monkeypatch.setattr(azure, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(azure, "_POLLING_INTERVAL", 0.01)
    with azure_server() as running:
        yield running


def read(server: AzureServer, key: str = KEY) -> Outcome:
    started = time.monotonic()
    settings = OcrSettings(engine="azure", azure_endpoint=server.url, azure_key=key, page_seconds=SECONDS)
    outcome = image.parse(SCAN, settings)
    assert time.monotonic() - started < 2.5 * SECONDS
    return outcome


def reason(outcome: Outcome) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert outcome.state is DocumentState.NEEDS_HUMAN
    return outcome.reason


def test_words_come_with_places_and_certainties(server: AzureServer) -> None:
    outcome = read(server)
    assert isinstance(outcome, Parsed)
    assert outcome.text == "Imposto devido  12.345,67\n"
    assert outcome.recognition is not None
    assert outcome.recognition.engine == "azure-document-intelligence/prebuilt-read/2024-11-30"
    assert outcome.recognition.confidence == pytest.approx(0.97)
    assert server.requests == ["POST", "GET", "GET"]
    assert server.body.startswith(b"\x89PNG")


@pytest.mark.parametrize("passing", ["HTTP 429", "HTTP 503", "hangs up"])
@pytest.mark.parametrize("request_", ["analyze", "poll"])
def test_what_passes_is_tried_again(server: AzureServer, passing: str, request_: str) -> None:
    setattr(server, request_, passing)
    server.failures = 2
    assert isinstance(read(server), Parsed)


def test_it_waits_as_long_as_the_service_asks(server: AzureServer) -> None:
    server.analyze, server.failures, server.retry_after = "HTTP 429", 1, "0"
    assert isinstance(read(server), Parsed)


def test_it_does_not_wait_longer_than_a_page_may_take(server: AzureServer) -> None:
    server.analyze, server.retry_after = "HTTP 429", "3600"
    assert reason(read(server)).startswith("ocr_unavailable: azure refuses more requests for now")
    assert server.requests == ["POST"]


@pytest.mark.parametrize("request_", ["analyze", "poll"])
@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("HTTP 401", "ocr_unavailable: azure refuses the key"),
        ("HTTP 404", "ocr_unavailable: azure knows no model"),
        ("HTTP 503", "ocr_unavailable: azure answers with HTTP 503"),
        ("hangs", "ocr_unavailable: azure "),
        ("hangs up", "ocr_unavailable: azure cannot be reached"),
        ("malformed", "ocr_unavailable: azure "),
        ("not an object", "ocr_unavailable: azure "),
    ],
)
def test_what_does_not_pass_is_a_reason(server: AzureServer, request_: str, behaviour: str, expected: str) -> None:
    setattr(server, request_, behaviour)
    assert reason(read(server)).startswith(expected)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("running", "ocr_unavailable: azure did not finish the page in time"),
        ("failed", "ocr_unavailable: azure gave an answer that cannot be used"),
        ("canceled", "ocr_unavailable: azure gave an answer that cannot be used"),
        ("unknown", "ocr_unavailable: azure did not finish the page in time"),
        ("succeeded with nothing", "ocr_unavailable: azure gave an answer that cannot be used"),
        ("words without places", "ocr_unavailable: azure gave an answer that cannot be used"),
    ],
)
def test_an_operation_without_words_is_a_reason(server: AzureServer, behaviour: str, expected: str) -> None:
    server.poll = behaviour
    assert reason(read(server)).startswith(expected)


def test_an_answer_without_the_address_of_its_result_is_a_reason(server: AzureServer) -> None:
    server.analyze = "without an address"
    assert reason(read(server)).startswith("ocr_unavailable: azure gave an answer that cannot be used")


def test_a_wrong_key_is_named_but_not_shown(server: AzureServer) -> None:
    said = reason(read(server, key="another-key"))
    assert said.startswith("ocr_unavailable: azure refuses the key")
    assert "another-key" not in said
    assert "another-key" not in repr(OcrSettings(azure_key="another-key"))


def test_nobody_at_the_endpoint_is_a_reason(server: AzureServer) -> None:
    server.server_close()
    assert reason(read(server)).startswith("ocr_unavailable: azure cannot be reached")


@pytest.mark.parametrize(
    ("endpoint", "key", "expected"),
    [
        ("", "k", "needs an endpoint and a key"),
        ("https://x.example", "", "needs an endpoint and a key"),
        ("http://x.example", "k", "must begin with https://"),
    ],
)
def test_an_incomplete_or_open_setting_is_refused(endpoint: str, key: str, expected: str) -> None:
    with pytest.raises(EngineFailed, match=f"^ocr_unavailable: .*{expected}"):
        AzureEngine(endpoint, key, SECONDS)
