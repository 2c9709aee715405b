"""Looks at a source: lists it, compares it with what we hold, and takes out at once what it no longer has or shows to others.

Reads manifests and no other file. A look is cheap enough for every tick of a sensor: what must not be found any more does not
wait for a run, nor for the files that a pull has to read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector, SourceFile
from compliance_assets.raw_pulls.labels import MANIFEST_NAME, Label, Manifest, label_of, read_manifest
from compliance_assets.raw_pulls.plan import LivePull, Plan, plan_pull, pull_id_of
from resources.postgres import Postgres

COMMIT_EVERY = 1_000  # tombstones
NOTHING = Label(None, None, "", None, "none")


@dataclass(frozen=True, slots=True)
class Survey:
    """A source as it stands: its files, their labels, what is wrong with its manifests."""

    files: tuple[SourceFile, ...]
    labels: Mapping[str, Label]
    manifest_problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A source beside what we hold of it, and how much of what is gone was taken out: all of it, but for files being read."""

    seen: Survey
    live: Mapping[str, LivePull]
    plan: Plan
    removed: int
    relabelled: int


def survey(connector: FilesystemConnector, pattern: str | None) -> Survey:
    """List a source and label every file. A usable manifest is a label file, not a document."""
    listing = connector.list()
    manifests = {f.path: _manifest(connector, f) for f in listing if PurePosixPath(f.path).name == MANIFEST_NAME}
    labels: dict[str, Label] = {}
    for manifest in manifests.values():
        labels.update(manifest.labels)
    files = tuple(f for f in listing if not (f.path in manifests and manifests[f.path].usable))
    problems = [f"{path}: {problem}" for path, manifest in manifests.items() for problem in manifest.problems]
    present = {file.path for file in files}
    problems += [f"listed in a manifest but not there: {path}" for path in sorted(set(labels) - present)]
    return Survey(files, {f.path: label_of(f.path, labels, pattern) for f in files}, tuple(problems))


def look(postgres: Postgres, source_id: str, connector: FilesystemConnector, pattern: str | None) -> Look:
    """List a source, bury what is gone, take over who may see what. Raises SourceUnreachable, and then changes nothing."""
    with postgres.connect() as conn:
        began = store.clock(conn)
    seen = survey(connector, pattern)
    with postgres.connect() as conn:
        live = store.live_pulls(conn, source_id)
    plan = plan_pull(seen.files, live, seen.labels)
    removed = sum(
        _bury(postgres, source_id, plan.removed[start : start + COMMIT_EVERY])
        for start in range(0, len(plan.removed), COMMIT_EVERY)
    )
    relabelled = _take_over_access(postgres, plan, live) if plan.access else 0
    if removed == len(plan.removed):
        with postgres.connect() as conn:
            store.note_listing(conn, source_id, began)
    return Look(seen, live, plan, removed, relabelled)


def _bury(postgres: Postgres, source_id: str, gone: Sequence[LivePull]) -> int:
    """One transaction: with its tombstone a file's documents leave every search (a trigger of the schema)."""
    with postgres.connect() as conn:
        store.lock_source(conn, source_id)
        free = store.free_pulls(conn, [pull.pull_id for pull in gone])
        tombstones = [_tombstone(source_id, pull) for pull in gone if pull.pull_id in free]
        store.record(conn, source_id, sorted(free), tombstones)
    return len(tombstones)


def _tombstone(source_id: str, pull: LivePull) -> store.NewPull:
    return store.NewPull(
        pull_id=pull_id_of(source_id, pull.path, None, NOTHING, pull.versions),
        path=pull.path,
        state="removed",
        reason="no longer listed by the source",
        object_sha256=None,
        size_bytes=None,
        source_version="",
        label=NOTHING,
    )


def _take_over_access(postgres: Postgres, plan: Plan, live: Mapping[str, LivePull]) -> int:
    wanted = {live[path].pull_id: names for path, names in plan.access.items()}
    with postgres.connect() as conn:
        free = store.free_pulls(conn, list(wanted))
        store.relabel_access(conn, [(pull_id, wanted[pull_id]) for pull_id in sorted(free)])
    return len(free)


def _manifest(connector: FilesystemConnector, file: SourceFile) -> Manifest:
    try:
        return read_manifest(connector.read(file.path), PurePosixPath(file.path).parent)
    except OSError as problem:
        return Manifest({}, (f"unreadable: {type(problem).__name__}",))
