"""Files to documents: each file through the parser pool, then what lies inside it, level by level."""

from collections.abc import Iterator, Sequence

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.envelope import NormalisedDocument, PulledFile, attachments_of, normalise
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.worker import ParserPool
from resources.object_store import ObjectStore

MAX_LEVELS = 5  # a mail that forwards a mail that forwards a mail: deeper than people do it

_NORMALISER = "read"


def read_documents(
    files: Sequence[PulledFile], pool: ParserPool, objects: ObjectStore, years: tuple[int, ...]
) -> Iterator[NormalisedDocument]:
    """The documents of the files, as they complete; a document comes before those inside it."""
    level = list(files)
    for _ in range(MAX_LEVELS):
        inside: list[PulledFile] = []
        by_id = {file.filing_id: file for file in level}
        for result in pool.parse_all((file.filing_id, objects.get(file.object_sha256)) for file in level):
            _keep_attachments(result.outcome, objects)
            file = by_id[result.key]
            yield normalise(file, result.outcome, years)
            inside += attachments_of(file, result.outcome)
        level = inside
    too_deep = Refusal(
        DocumentState.REJECTED, f"too_deep: inside {MAX_LEVELS} others", "application/octet-stream", _NORMALISER
    )
    yield from (normalise(file, too_deep, years) for file in level)


def _keep_attachments(outcome: Outcome, objects: ObjectStore) -> None:
    for attachment in outcome.attachments if isinstance(outcome, Parsed) else ():
        objects.put(attachment.data)
