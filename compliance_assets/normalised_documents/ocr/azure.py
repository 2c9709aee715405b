"""Azure AI Document Intelligence: the page leaves the machine. Used only where the settings say so.

The SDK's own retries are off: it sleeps as long as a `Retry-After` says, and a page may not cost more than its time.
"""

import io
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from PIL.Image import Image

from compliance_assets.normalised_documents.ocr.engine import EngineFailed, RecognisedWord
from compliance_assets.normalised_documents.words import Box

if TYPE_CHECKING:
    from azure.ai.documentintelligence.models import AnalyzeResult

MODEL = "prebuilt-read"
API_VERSION = "2024-11-30"

_ATTEMPTS = 3
_FIRST_WAIT = 0.5
_POLLING_INTERVAL = 0.5
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_REFUSALS = {
    401: "azure refuses the key; check the key and the endpoint it belongs to",
    403: "azure refuses access; check the key and the network rules of the resource",
    404: f"azure knows no model {MODEL} at this endpoint; check the endpoint",
    429: "azure refuses more requests for now; ask again later or raise the quota",
}


class AzureEngine:
    """Reads with the model `prebuilt-read`. A page takes at most `page_seconds`, retries included."""

    name = f"azure-document-intelligence/{MODEL}/{API_VERSION}"

    def __init__(self, endpoint: str, key: str, page_seconds: float) -> None:
        from azure.ai.documentintelligence import DocumentIntelligenceClient
        from azure.core.credentials import AzureKeyCredential

        if not endpoint or not key:
            raise EngineFailed.unavailable("azure needs an endpoint and a key; set both or choose another engine")
        address = urlsplit(endpoint)
        if address.scheme != "https" and address.hostname not in _LOOPBACK:
            raise EngineFailed.unavailable("the azure endpoint must begin with https://")
        self._seconds = page_seconds
        self._client = DocumentIntelligenceClient(
            endpoint,
            AzureKeyCredential(key),
            api_version=API_VERSION,
            connection_timeout=min(_CONNECT_SECONDS, page_seconds),
            read_timeout=min(_READ_SECONDS, page_seconds),
            retry_total=0,
            permit_redirects=False,
        )

    def read(self, image: Image) -> tuple[RecognisedWord, ...]:
        """The words of the image."""
        lossless = io.BytesIO()
        image.save(lossless, "PNG", compress_level=1)
        deadline = time.monotonic() + self._seconds
        for attempt in range(_ATTEMPTS):
            try:
                return tuple(_words(self._analysed(lossless.getvalue(), deadline)))
            except Exception as error:  # the SDK raises its own errors, and others on an answer that it does not expect
                wait = _wait_before_next(error, attempt)
                if wait is None or time.monotonic() + wait >= deadline:
                    raise EngineFailed.unavailable(_remedy(error)) from error
                time.sleep(wait)
        raise EngineFailed.unavailable("azure did not answer")

    def _analysed(self, data: bytes, deadline: float) -> "AnalyzeResult":
        poller = self._client.begin_analyze_document(
            MODEL, io.BytesIO(data), content_type="application/octet-stream", polling=_polling_until(deadline)
        )
        result: AnalyzeResult = poller.result(max(0.0, deadline - time.monotonic()))
        if not poller.done():
            raise TimeoutError
        return result


def _polling_until(deadline: float) -> Any:
    """The SDK's polling, which would otherwise go on in its thread for as long as the service says that it is running."""
    from azure.core.polling.base_polling import LROBasePolling

    class UntilDeadline(LROBasePolling[Any, Any, Any]):
        def _sleep(self, delay: float) -> None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            super()._sleep(min(delay, left))

    return UntilDeadline(_POLLING_INTERVAL, lro_options={"final-state-via": "operation-location"})


def _words(result: "AnalyzeResult") -> Iterator[RecognisedWord]:
    for page in result.pages:
        for word in page.words or ():
            xs, ys = (word.polygon or [])[::2], (word.polygon or [])[1::2]
            yield RecognisedWord(word.content, Box(min(xs), min(ys), max(xs), max(ys)), word.confidence)


def _wait_before_next(error: Exception, attempt: int) -> float | None:
    """Seconds until it may be tried again; None where that would change nothing."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if attempt == _ATTEMPTS - 1:
        return None
    backoff = float(_FIRST_WAIT * 2**attempt)
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return backoff
    if not isinstance(error, HttpResponseError) or error.status_code not in _PASSING:
        return None
    asked = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(asked) if asked.isascii() and asked.isdigit() else backoff


def _remedy(error: Exception) -> str:
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, TimeoutError):
        return "azure did not finish the page in time"
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return f"azure cannot be reached ({type(error).__name__}); check the endpoint and the network"
    if isinstance(error, HttpResponseError) and error.status_code is not None and error.status_code >= 400:
        return _REFUSALS.get(error.status_code, f"azure answers with HTTP {error.status_code}")
    return f"azure gave an answer that cannot be used ({type(error).__name__})"
