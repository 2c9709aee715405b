"""The policy as files: what an engine evaluates, its digest, and the same files packed for an OPA server."""

import gzip
import io
import json
import tarfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.contracts.errors import InvalidInput

#: Where an engine finds the digest of the bundle that it holds. Not part of the bundle: it would have to hold its own digest.
SEAL = "compliance/bundle/data.json"


@dataclass(frozen=True)
class PolicyBundle:
    """The `.rego` and `data.json` files under a folder: (path, bytes), by path. Data lies where OPA puts it: a/b/data.json is
    `data.a.b`.
    """

    files: tuple[tuple[str, bytes], ...]
    folder: Path = field(default=Path(), compare=False)

    @classmethod
    def read(cls, folder: Path) -> "PolicyBundle":
        """The bundle as it stands in a folder. Raises InvalidInput where there is no policy in it or data is not a JSON object."""
        found = sorted(path for path in folder.rglob("*") if path.suffix == ".rego" or path.name == "data.json")
        named = [(path.relative_to(folder).as_posix(), path) for path in found]
        bundle = cls(tuple((name, path.read_bytes()) for name, path in named if name != SEAL), folder)
        if not bundle.modules:
            raise InvalidInput(
                "there is no policy",
                expected=".rego files",
                found=f"none under {folder}",
                remedy="Name the folder of the policy, or leave the setting out for the shipped one.",
            )
        nested(bundle.documents)
        return bundle

    @cached_property
    def policy_hash(self) -> str:
        """`sha256:` and the digest of the canonical JSON of [[path, SHA-256 of the file], …] in order of path."""
        return f"sha256:{digest_of([[name, sha256_hex(content)] for name, content in self.files])}"

    @cached_property
    def modules(self) -> dict[str, str]:
        """path -> Rego. Raises InvalidInput."""
        return {name: _text(name, content) for name, content in self.files if name.endswith(".rego")}

    @cached_property
    def documents(self) -> dict[str, dict[str, Any]]:
        """Place in `data`, such as `compliance/egress` -> the document there. Raises InvalidInput."""
        files = [(name, content) for name, content in self.files if name.endswith("data.json")]
        return {name.rpartition("/")[0]: _document(name, content) for name, content in files}

    @cached_property
    def sealed_documents(self) -> dict[str, dict[str, Any]]:
        """The documents and, beside them, what says which bundle they are."""
        return {**self.documents, SEAL.rpartition("/")[0]: {"hash": self.policy_hash}}

    def packed(self) -> bytes:
        """The bundle as OPA loads it (a gzipped tar with a `.manifest`), its digest inside. The same files give the same bytes.

        Source of the format: https://www.openpolicyagent.org/docs/management-bundles
        """
        manifest = {"revision": self.policy_hash, "roots": ["compliance"], "rego_version": 1}
        seal = json.dumps({"hash": self.policy_hash}).encode()
        buffer = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, content in [(".manifest", json.dumps(manifest).encode()), *self.files, (SEAL, seal)]:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return buffer.getvalue()


def nested(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The documents as one `data` object."""
    root: dict[str, Any] = {}
    for place, document in documents.items():
        at = root
        for part in filter(None, place.split("/")):
            at = at.setdefault(part, {})
        at.update(document)
    return root


def _document(name: str, content: bytes) -> dict[str, Any]:
    text = _text(name, content)
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise _unusable(name, "a JSON object", str(problem)) from None
    if not isinstance(document, dict):
        raise _unusable(name, "a JSON object", type(document).__name__)
    return document


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as problem:
        raise _unusable(name, "UTF-8", str(problem)) from None


def _unusable(name: str, expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "a file of the policy is not usable",
        expected=f"{expected} in {name}",
        found=found,
        remedy="Correct the file; nothing is decided without it.",
    )
