"""What is known of a file before it is read: year, category, title, type. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.text import storable

MANIFEST_NAME = "manifest.jsonl"
MANIFEST_KEYS = {"path", "year", "filer_category", "title", "doc_type", "access"}
LAST_YEAR = 9999


@dataclass(frozen=True, slots=True)
class Label:
    """`year` None means that nobody said it yet; the text may, else a person must.

    `access` names the groups or classes that may see the document; empty where nobody restricted it.
    """

    year: int | None
    filer_category: str | None
    title: str
    doc_type: str | None
    origin: Literal["manifest", "path_pattern", "none"]
    access: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The label as stored."""
        return {**asdict(self), "access": list(self.access)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Label":
        """A stored label; those from before there was `access` have none."""
        return cls(**{**stored, "access": tuple(stored.get("access", ()))})

    @property
    def digest(self) -> str:
        """Changes when any part of the label changes that reading depends on. Who may see a document is not one of them."""
        return digest_of({name: value for name, value in asdict(self).items() if name != "access"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """The labels of one manifest by path relative to the source, and what is wrong with its other rows."""

    labels: Mapping[str, Label]
    problems: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether the file is a manifest at all; if not, it is a document like any other."""
        return bool(self.labels)


def read_manifest(data: bytes, folder: PurePosixPath) -> Manifest:
    """Read `{path, year, filer_category, title, doc_type, access}` rows; `path` is relative to the manifest's folder.

    A bad row is named in `problems` and labels nothing; the others stand.
    """
    labels: dict[str, Label] = {}
    problems: list[str] = []
    for number, line in enumerate(data.decode("utf-8-sig", errors="replace").split("\n"), start=1):
        if line.strip():
            label = _row(line)
            if isinstance(label, str):
                problems.append(f"row {number}: {label}")
            else:
                path, value = label
                labels[str(folder / path)] = value
    return Manifest(labels, tuple(problems))


def label_of(path: str, manifest_labels: Mapping[str, Label], pattern: str | None) -> Label:
    """The label of a file: from its manifest, else from the path pattern, else only a title."""
    if path in manifest_labels:
        return manifest_labels[path]
    title = PurePosixPath(path).name
    match = re.search(pattern, path) if pattern else None
    if match is None:
        return Label(None, None, title, None, "none")
    named = match.groupdict()
    return Label(
        year=_year_in(named.get("year")),
        filer_category=named.get("filer_category"),
        title=title,
        doc_type=named.get("doc_type"),
        origin="path_pattern",
    )


def _year_in(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,4}", text) else None


def _row(line: str) -> tuple[str, Label] | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "expected a JSON object, found text that is not JSON"
    if not isinstance(row, dict) or not isinstance(row.get("path"), str):
        found = sorted(row) if isinstance(row, dict) else type(row).__name__
        return f"expected the keys {sorted(MANIFEST_KEYS)}, found {found}"
    year = row.get("year")
    if year is not None and (not isinstance(year, int) or isinstance(year, bool) or not 0 <= year <= LAST_YEAR):
        stated = year if isinstance(year, int) else type(year).__name__
        return f"expected year as a whole number up to {LAST_YEAR} or null, found {stated}"
    for key in ("filer_category", "title", "doc_type"):
        if not isinstance(row.get(key), str | None):
            return f"expected {key} as text or null, found {type(row[key]).__name__}"
    access = _access_in(row.get("access"))
    if access is None:
        return f"expected access as text, a list of texts or null, found {type(row['access']).__name__}"
    text = {key: storable(row[key]) if row.get(key) else None for key in MANIFEST_KEYS - {"year", "access"}}
    path = str(PurePosixPath(text["path"] or ""))
    title = text["title"] or PurePosixPath(path).name
    return path, Label(year, text["filer_category"], title, text["doc_type"], "manifest", access)


def _access_in(value: object) -> tuple[str, ...] | None:
    """The groups or classes that a row names, sorted, each once; None for what names none."""
    names = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(sorted({storable(name) for name in names if name}))
