"""Writes the dossier of a decision: gathers what proves it, packs it in one zip, records that it was handed out."""

import json
import secrets
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance_assets.audit_ledger import checkpoints
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.content import Content
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.evidence import dossier_store as store
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.dossier.files import SUMS, Evidence, dossier_files, entry_as_json
from compliance_assets.evidence.dossier.page_images import CitedPage, images_of
from compliance_assets.evidence.dossier.report import CitedPageFigures, Figure
from compliance_assets.evidence.dossier_store import CitedDocument
from compliance_assets.evidence.erasure import opened_content
from compliance_assets.evidence.proof import inclusion
from compliance_assets.evidence.store import decision, decision_entry, index_versions
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.year_index.parameters import code_version_of
from resources.clock import rfc3339
from resources.postgres import Connection

KIND = "dossier"
ACTOR = "compliance-assets"
#: A zip's own zero hour: the same decision at the same checkpoint gives the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Dossier:
    """A dossier that was written. `pages` are the images of cited pages, `seq` the entry that records the handing out."""

    path: Path
    files: tuple[str, ...]
    tree_size: int
    pages: int
    sums_sha256: str
    seq: int

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "path": str(self.path),
            "files": list(self.files),
            "tree_size": self.tree_size,
            "pages": self.pages,
            "sums_sha256": self.sums_sha256,
            "ledger_entry": self.seq,
        }


def write_dossier(archive: Archive, response_id: str, out: Path, *, force: bool = False, actor: str = ACTOR) -> Dossier:
    """Write the dossier of a decision to `out`, then record in the ledger that it was handed out.

    Raises InvalidInput for an unknown decision, an erased one, and a file that is there already unless `force`.
    """
    _refuse_existing(out, force)
    with archive.postgres.connect() as conn:
        evidence, documents = gathered(conn, archive, response_id)
    # Outside of the transaction, which may have signed a checkpoint: to draw pages takes seconds.
    pages = cited_pages(archive, documents, evidence.content.as_json())
    files = dossier_files(evidence, pages)
    _written(out, files, force)
    sums_sha256 = sha256_hex(files[SUMS])
    body: dict[str, object] = {"sha256sums_sha256": sums_sha256, "tree_size": evidence.tree_size}
    with archive.postgres.connect() as conn:
        checkpoints.publish(conn, archive.checkpoint_log)
        issued = NewEntry(evidence.entry.year, KIND, rfc3339(archive.clock()), actor, response_id, body)
        recorded = ledger.append(conn, archive.keyring, issued)
    return Dossier(out, tuple(files), evidence.tree_size, sum(len(p.figures) for p in pages), sums_sha256, recorded.seq)


# ── gathering ────────────────────────────────────────────────────────────────────────────────────────────────────────


def gathered(conn: Connection, archive: Archive, response_id: str) -> tuple[Evidence, Mapping[str, CitedDocument]]:
    """Everything of a decision, under a checkpoint that covers it and all that was said of it since."""
    entry = decision_entry(conn, response_id)
    content = opened_content(conn, archive.keyring, entry)
    later = [_present(conn, seq) for seq in store.entries_about(conn, response_id, entry.seq)]
    signed = checkpoints.covering_checkpoint(conn, archive.keyring, max(e.seq for e in (entry, *later)))
    value: dict[str, Any] = content.as_json()
    cited = sorted({citation["doc_id"] for citation in value["response_envelope"]["citations"]})
    documents = store.documents(conn, cited)
    if missing := sorted(set(cited) - set(documents)):
        raise InvalidInput(
            "a document that this decision cites is gone",
            expected="every cited document",
            found=f"no {', '.join(missing)}",
            remedy="It was erased; the decision's proof still holds (`compliance proof`).",
        )
    opened = ledger.contents(conn, archive.keyring, later)
    evidence = Evidence(
        entry=entry,
        content=content,
        later=[_later(conn, each, opened.get(each.seq), signed.size) for each in later],
        tree_size=signed.size,
        root=signed.root,
        checkpoint=signed.note,
        proof=inclusion(conn, entry, signed.size),
        vkey=checkpoints.verifier_of_note(conn, signed.note).vkey,
        texts={doc_id: document.text for doc_id, document in documents.items()},
        versions=_versions(conn, entry, value, documents),
    )
    return evidence, documents


def _present(conn: Connection, seq: int) -> Entry:
    entry = ledger.entry_at(conn, seq)
    assert entry is not None
    return entry


def _later(conn: Connection, entry: Entry, content: Content | None, size: int) -> dict[str, Any]:
    return {
        "entry": entry_as_json(entry),
        "proof": inclusion(conn, entry, size),
        "content": content.text if content else None,
        "salt": content.salt.hex() if content else None,
    }


def _versions(
    conn: Connection, entry: Entry, content: dict[str, Any], documents: Mapping[str, CitedDocument]
) -> dict[str, Any]:
    row = decision(conn, entry.subject_id, entry.year)
    manifest = content["release"] if "release" in content else json.loads(str(row["manifest"])) if row else None
    wanted = content["lineage"]["index_version"].split("+")
    indexes = {str(index["index_version"]): index for index in index_versions(conn, wanted)}
    return {
        "release_id": content["release_id"],
        "release": manifest,
        "model": content["response_envelope"]["model"],
        "prompt_template": content["prompt_template"],
        "indexes": [
            {**indexes[each], "code_version": code_version_of(indexes[each]["parameters"])}
            for each in wanted
            if each in indexes
        ],
        "documents": [
            {
                "doc_id": each.doc_id,
                "title": each.title,
                "object_sha256": each.object_sha256,
                "media_type": each.media_type,
                "normaliser": each.normaliser,
                "normaliser_version": each.normaliser_version,
                "ocr_engine": each.ocr_engine,
            }
            for each in documents.values()
        ],
    }


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cited_pages(
    archive: Archive, documents: Mapping[str, CitedDocument], content: dict[str, Any]
) -> tuple[CitedPageFigures, ...]:
    """The images of each cited page, in the order of the first citation on it."""
    citations = content["response_envelope"]["citations"]
    on_page: dict[tuple[str, int], list[int]] = {}
    for number, citation in enumerate(citations, start=1):
        on_page.setdefault((citation["doc_id"], citation["page"]), []).append(number)
    pages = []
    for (doc_id, page), numbers in on_page.items():
        document = documents[doc_id]
        spans = [tuple(citations[number - 1]["char_range"]) for number in numbers]
        figures = _figures(archive, document, page, spans)
        pages.append(CitedPageFigures(doc_id, document.title, page, tuple(numbers), figures))
    return tuple(pages)


def _figures(
    archive: Archive, document: CitedDocument, page: int, spans: Sequence[tuple[int, int]]
) -> tuple[Figure, ...]:
    cited = CitedPage(document.text, document.pages[page - 1], tuple(spans), document.media_type, document.ocr_engine)
    data = archive.objects.get(document.object_sha256) if cited.has_picture else b""
    images, name = images_of(cited, data, _ocr(archive)), f"pages/{document.doc_id}-p{page}"
    first, *others = images
    return (
        Figure(f"{name}.png", first.png, first.caption),
        *(Figure(f"{name}-{other.kind}.png", other.png, other.caption) for other in others),
    )


def _ocr(archive: Archive) -> OcrSettings:
    settings = archive.settings
    return OcrSettings(
        engine=settings.ocr_engine,
        azure_endpoint=settings.azure_ocr_endpoint,
        azure_key=settings.azure_ocr_key,
    )


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _written(out: Path, files: Mapping[str, bytes], force: bool) -> None:
    """The zip appears under its name when it is whole."""
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in files.items():
                archive.writestr(_member(name), data)
        _refuse_existing(out, force)
        draft.replace(out)
    except OSError as problem:
        raise DependencyUnavailable(
            "the dossier cannot be written",
            expected=f"a writable folder at {out.parent}",
            found=str(problem),
            remedy="Create the folder or choose another place with -o.",
        ) from problem
    finally:
        draft.unlink(missing_ok=True)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _NO_TIME)
    member.create_system, member.external_attr, member.compress_type = 3, 0o644 << 16, zipfile.ZIP_DEFLATED
    return member


def _refuse_existing(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise InvalidInput(
            "the file is there already",
            expected=f"no file at {out}",
            found="one",
            remedy="Choose another name, or replace it with --force.",
        )
