"""The files of a dossier from what was gathered for it. Pure."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance_assets.audit_ledger.chain import Entry, leaf_of
from compliance_assets.audit_ledger.content import Content
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.evidence.dossier.report import CitedPageFigures, Proof, Report, report_html

SUMS = "SHA256SUMS"
_VERIFY = Path(__file__).with_name("verify.py")

_README = """\
This zip proves one decision, {response_id}: what was asked, what it rests on, and that it stands unchanged in the ledger.
1. Unpack it and open report.html: the decision, its citations on the source pages, the proof in words.
2. Check it offline with any Python from 3.8 on: python3 -I -S verify.py --key VKEY (it also takes the zip as an argument).
3. VKEY is the organisation's published key; compare it with key.txt, since a key that comes with a zip proves nothing.
4. TRUE on the last line, exit code 0, means that every check holds; FALSE lines say what was expected and what was found.
5. Who doubts this verify.py takes the one of the published source code, or writes another: its first lines name the standards.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is of a decision. `texts` are those of the cited documents by id; `checkpoint` is the signed note."""

    entry: Entry
    content: Content
    later: list[dict[str, Any]]
    tree_size: int
    root: bytes
    checkpoint: str
    proof: dict[str, Any]
    vkey: str
    texts: Mapping[str, str]
    versions: dict[str, Any]


def dossier_files(evidence: Evidence, pages: tuple[CitedPageFigures, ...]) -> dict[str, bytes]:
    """Every file of the dossier by name, in the order of the zip."""
    content: dict[str, Any] = evidence.content.as_json()
    report = Report(
        entry=entry_as_json(evidence.entry),
        body=json.loads(evidence.entry.body),
        content=content,
        versions=evidence.versions,
        later=evidence.later,
        proof=Proof(
            leaf_of(evidence.entry).hex(),
            len(evidence.proof["hashes"]),
            evidence.tree_size,
            evidence.root.hex(),
            evidence.vkey,
        ),
        pages=pages,
    )
    files = {
        "README.txt": _README.format(response_id=evidence.entry.subject_id).encode(),
        "verify.py": _VERIFY.read_bytes(),
        "report.html": report_html(report).encode(),
        "decision.json": _json(content["response_envelope"]),
        "entry.json": _json(entry_as_json(evidence.entry)),
        "content.json": evidence.content.text.encode(),
        "content_salt.txt": f"{evidence.content.salt.hex()}\n".encode(),
        "proof.json": _json(evidence.proof),
        "checkpoint.txt": evidence.checkpoint.encode(),
        "key.txt": f"{evidence.vkey}\n".encode(),
        "later_entries.json": _json(evidence.later),
        "versions.json": _json(evidence.versions),
        **{f"sources/{doc_id}.txt": text.encode() for doc_id, text in evidence.texts.items()},
        **{figure.file: figure.png for page in pages for figure in page.figures},
    }
    sums = "".join(f"{sha256_hex(data)}  {name}\n" for name, data in sorted(files.items()))
    return {**files, SUMS: sums.encode()}


def entry_as_json(entry: Entry) -> dict[str, Any]:
    """The fields of the LedgerEntry contract."""
    fields = entry._asdict()
    return {**fields, "sealed": None if entry.sealed is None else base64.b64encode(entry.sealed).decode()}


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
