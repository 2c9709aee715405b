"""The remote embedder against a real HTTP server that speaks POST /v1/embeddings, well and badly."""

import json
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.embedder import OpenAICompatibleEmbedder

Row = dict[str, Any]


def vector_of(text: str) -> list[float]:
    """Not of length 1, so that the client has something to do."""
    return [float(len(text)), 1.0, 2.0]


class EmbeddingServer:
    """Answers with one vector a text; `spoil` changes the rows before they are sent."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.spoil: Callable[[list[Row]], list[Row]] = lambda rows: rows
        self.status = 200
        self.content: tuple[str, bytes] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests.append({"path": self.path, "authorization": self.headers["Authorization"], **body})
                kind, answer = server.content or ("application/json", server.answer(body["input"]))
                self.send_response(server.status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def answer(self, texts: list[str]) -> bytes:
        rows = [{"object": "embedding", "index": i, "embedding": vector_of(text)} for i, text in enumerate(texts)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return json.dumps({"object": "list", "model": "m", "data": self.spoil(rows), "usage": usage}).encode()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    running = EmbeddingServer()
    monkeypatch.setenv("OPENAI_BASE_URL", running.url)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    yield running
    running.close()


@pytest.fixture
def embedder(server: EmbeddingServer) -> Iterator[OpenAICompatibleEmbedder]:
    made = OpenAICompatibleEmbedder("nomic")
    yield made
    made._client.close()


def unit(text: str) -> np.ndarray[Any, Any]:
    vector = np.asarray(vector_of(text), np.float32)
    return vector / np.linalg.norm(vector)


def test_vectors_come_in_the_order_of_the_texts_with_length_1(embedder: OpenAICompatibleEmbedder) -> None:
    vectors = embedder.encode(["a", "four", "to"])
    assert np.allclose(vectors, [unit("a"), unit("four"), unit("to")])
    assert vectors.dtype == np.float32


def test_the_protocol_is_spoken_as_published(embedder: OpenAICompatibleEmbedder, server: EmbeddingServer) -> None:
    embedder.encode(["a"])
    [request] = server.requests
    assert request["path"] == "/v1/embeddings"
    assert (request["model"], request["input"], request["encoding_format"]) == ("nomic", ["a"], "float")
    assert request["authorization"] == "Bearer none", "a local server needs no key"


def test_many_texts_go_in_batches_and_progress_is_told(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer
) -> None:
    texts, told = ["x" * (i + 1) for i in range(300)], list[int]()
    assert np.allclose(embedder.encode(texts, told.append), [unit(text) for text in texts])
    assert told == [len(request["input"]) for request in server.requests] == [128, 128, 44]


def test_rows_out_of_order_are_put_in_order(embedder: OpenAICompatibleEmbedder, server: EmbeddingServer) -> None:
    server.spoil = lambda rows: rows[::-1]
    assert np.allclose(embedder.encode(["a", "four"]), [unit("a"), unit("four")])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda rows: rows[:-1], id="a row too few"),
        pytest.param(lambda rows: [], id="no rows"),
        pytest.param(lambda rows: [*rows, {**rows[0], "index": len(rows)}], id="a row too many"),
        pytest.param(lambda rows: [rows[0], {**rows[1], "index": 0}], id="the same index twice"),
        pytest.param(lambda rows: [rows[0], {**rows[1], "embedding": [1.0]}], id="several dimensions"),
        pytest.param(lambda rows: [rows[0], {**rows[1], "embedding": [0.0, 0.0, 0.0]}], id="a vector of zeros"),
        pytest.param(lambda rows: [rows[0], {**rows[1], "embedding": [1.0, float("nan"), 0.0]}], id="not a number"),
    ],
)
def test_an_answer_that_does_not_fit_the_texts_is_refused(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer, spoil: Callable[[list[Row]], list[Row]]
) -> None:
    server.spoil = spoil
    with pytest.raises(IntegrityError, match="the embedding server's answer is not usable"):
        embedder.encode(["a", "four"])


def test_a_page_in_the_place_of_an_answer_is_refused(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer
) -> None:
    server.content = ("text/html", b"<html>Please sign in</html>")
    with pytest.raises(IntegrityError, match="found 0 vectors"):
        embedder.encode(["a"])


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_server_that_fails_is_unavailable_and_is_not_asked_twice(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer, status: int
) -> None:
    server.status = status
    with pytest.raises(DependencyUnavailable, match="the embedding server did not answer") as refused:
        embedder.encode(["a"])
    assert len(server.requests) == 1, "the SDK tried again behind our back"
    assert server.url in refused.value.expected


def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    embedder = OpenAICompatibleEmbedder("nomic")
    with pytest.raises(DependencyUnavailable, match="APIConnectionError"):
        embedder.encode(["a"])
    embedder._client.close()


def test_the_dimension_is_asked_once_and_no_texts_need_no_more(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer
) -> None:
    assert embedder.encode([]).shape == (0, 3)
    assert embedder.dimension == 3
    assert len(server.requests) == 1


def test_the_digest_names_the_server_the_model_and_the_dimension(
    embedder: OpenAICompatibleEmbedder, server: EmbeddingServer
) -> None:
    other = OpenAICompatibleEmbedder("another")
    assert embedder.digest != other.digest
    assert embedder.digest == OpenAICompatibleEmbedder("nomic").digest
    other._client.close()
