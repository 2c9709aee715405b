"""Compares a source's listing with what was pulled before. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compliance_assets.contracts.canonical import content_id
from compliance_assets.raw_pulls.connector import SourceFile
from compliance_assets.raw_pulls.labels import Label


@dataclass(frozen=True, slots=True)
class LivePull:
    """The newest version of a path that we hold, and how many there were with it."""

    pull_id: str
    path: str
    state: str
    object_sha256: str | None
    source_version: str
    label_digest: str
    year: int | None
    versions: int = 1
    access: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull has to do. `access`: path -> who may see it now, where somebody else may as we hold it."""

    to_read: tuple[SourceFile, ...]
    removed: tuple[LivePull, ...]
    unchanged: int
    access: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def plan_pull(listing: Sequence[SourceFile], live: Mapping[str, LivePull], labels: Mapping[str, Label]) -> Plan:
    """Read what is new, rewritten, relabelled or was unreadable; mark as removed what is no longer listed.

    Who may see a file is taken over without reading it.
    """
    to_read = tuple(f for f in listing if not _current(f, live.get(f.path), labels[f.path]))
    listed = {file.path for file in listing}
    removed = tuple(pull for path, pull in sorted(live.items()) if path not in listed and pull.state != "removed")
    access = {
        path: labels[path].access
        for path, pull in sorted(live.items())
        if path in listed and pull.state in ("pulled", "unreadable") and pull.access != labels[path].access
    }
    return Plan(to_read, removed, len(listing) - len(to_read), access)


def pull_id_of(source_id: str, path: str, object_sha256: str | None, label: Label, before: int) -> str:
    """The id of one version of one file. It counts those before it: going back to old content is a new version.

    It says nothing of what they contained: they may have been erased.
    """
    return content_id("pull", source_id, path, object_sha256 or "", label.digest, before)


def _current(file: SourceFile, pull: LivePull | None, label: Label) -> bool:
    """What was erased stays out for as long as the source does not write it again."""
    if pull is None or pull.source_version != file.version:
        return False
    return pull.state == "erased" or (pull.state == "pulled" and pull.label_digest == label.digest)
