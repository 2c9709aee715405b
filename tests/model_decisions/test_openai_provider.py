"""What becomes of a question when a model server misbehaves, on a real socket, through the real SDK."""

from collections.abc import Callable, Iterator

import pytest

from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from resources.providers import Limits, OpenAICompatibleProvider
from tests.model_decisions.conftest import Office
from tests.model_servers import ModelServer, model_server

QUESTION = "Where are the assets of Northwind held?"
SECONDS = 1.0
SAYINGS: dict[str, Callable[[str], str]] = {
    "good": lambda good: good,
    "fenced": lambda good: f"```json\n{good}\n```",
    "malformed JSON": lambda good: good[:-2],
    "prose around it": lambda good: f"Sure! {good}",
    "fabricated quote": lambda good: good.replace("Harbour", "Evil"),
    "content with NUL": lambda good: f"\x00{good}",
    "refusal": lambda good: "I cannot help with that.",
}
DECIDED = ["good", "fenced"]
REVIEW = {
    "malformed JSON": "answer_malformed",
    "prose around it": "answer_malformed",
    "content with NUL": "answer_malformed",
    "refusal": "answer_malformed",
    "fabricated quote": "citations_invalid",
}
#: Of each kind one; all of them against the protocols themselves in tests/resources/providers.
QUEUED = [
    "HTTP 429",
    "HTTP 503",
    "HTTP 401",
    "silent",
    "cut",
    "refuses",
    "malformed",
    "wrong types",
    "HTML",
    "empty",
    "huge",
]


def saying(change: Callable[[str], str]) -> Callable[[str], str]:
    """What the extractive model would say to a prompt, changed."""
    return lambda prompt: change(ExtractiveModel().complete(prompt).text)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with model_server(saying(SAYINGS["good"])) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.base_url("openai"))
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield running


@pytest.fixture
def provider(server: ModelServer) -> Iterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider("some-model", Limits(first_byte_seconds=SECONDS, total_seconds=SECONDS))
    yield made
    made.close()


def drained(office: Office, provider: OpenAICompatibleProvider) -> tuple[str, str | None]:
    """(state, reason) of the one question after a drain; a decision has its entry, a queued question has none."""
    office.ask(QUESTION)
    drain_year(office.desk(provider), 2021)
    state, reason = office.work()[QUESTION]
    assert office.recorded() == ([] if state == "queued" else [QUESTION])
    assert (reason is None) == (state == "done")
    return state, reason


@pytest.mark.parametrize("says", DECIDED)
def test_a_sound_answer_is_decided(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, says: str
) -> None:
    server.text = saying(SAYINGS[says])

    assert drained(office, provider) == ("done", None)
    with office.deployment.postgres.connect() as conn:
        row = conn.execute(
            "SELECT body::jsonb -> 'provider_route' -> 0, body::jsonb ->> 'model' FROM compliance.ledger_entries"
            " WHERE kind = 'decision'"
        ).fetchone()
    assert row is not None
    assert (row[0]["provider"], row[0]["model"], row[0]["attempts"], row[1]) == (
        "openai",
        "openai/some-model",
        1,
        "openai/some-model",
    )


@pytest.mark.parametrize("says", REVIEW)
def test_an_unsound_answer_goes_to_review_with_its_reason(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, says: str
) -> None:
    server.text = saying(SAYINGS[says])
    state, reason = drained(office, provider)

    assert state == "review"
    assert str(reason).startswith(REVIEW[says])


@pytest.mark.parametrize("behaviour", QUEUED)
def test_a_server_that_gives_no_answer_leaves_the_question_queued_until_it_does(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, behaviour: str
) -> None:
    server.behaviour = behaviour
    state, reason = drained(office, provider)

    assert state == "queued"
    assert "no model answered" in str(reason)
    assert len(server.requests) == 1

    server.behaviour = "good"
    assert drained(office, provider) == ("done", None)


def test_a_server_that_is_not_there_leaves_the_question_queued(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    state, reason = drained(office, provider)

    assert state == "queued"
    assert "127.0.0.1:9" in str(reason)
