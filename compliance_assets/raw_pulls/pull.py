"""Pulls a source: list, compare, read what changed into the object store, record it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector, SourceFile, SourceUnreachable
from compliance_assets.raw_pulls.labels import MANIFEST_NAME, Label, Manifest, label_of, read_manifest
from compliance_assets.raw_pulls.plan import LivePull, Plan, plan_pull, pull_id_of
from resources.object_store import ObjectStore
from resources.postgres import Postgres
from resources.progress import Progress

CODE_VERSION = "1"
COMMIT_EVERY = 64  # files; what a killed pull loses at most
MAX_OBJECT_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Survey:
    """A source as it stands: its files, their labels, what is wrong with its manifests."""

    files: tuple[SourceFile, ...]
    labels: Mapping[str, Label]
    manifest_problems: tuple[str, ...]


@dataclass(slots=True)
class PullReport:
    """What a pull did, for the materialisation's metadata."""

    new: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    unreadable: int = 0
    bytes_read: int = 0
    unreachable: str | None = None
    manifest_problems: list[str] = field(default_factory=list)


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


def pull_sources(
    postgres: Postgres, objects: ObjectStore, pattern: str | None, progress: Progress
) -> dict[str, PullReport]:
    """Pull every registered source; uri -> report. One that cannot be listed is reported and left as it was."""
    with postgres.connect() as conn:
        registered = store.sources(conn)
    reports = {}
    for source_id, uri in registered:
        try:
            reports[uri] = pull_source(postgres, objects, source_id, uri, pattern, progress)
        except SourceUnreachable as problem:
            reports[uri] = PullReport(unreachable=str(problem))
    return reports


def pull_source(
    postgres: Postgres, objects: ObjectStore, source_id: str, uri: str, pattern: str | None, progress: Progress
) -> PullReport:
    """Bring our copy of a source up to date. Idempotent; killed at any point, the next pull completes it."""
    connector = FilesystemConnector(uri)
    seen = survey(connector, pattern)
    report = PullReport(manifest_problems=list(seen.manifest_problems))
    with postgres.connect() as conn:
        live = store.live_pulls(conn, source_id)
    plan = plan_pull(seen.files, live, seen.labels)
    report.unchanged = plan.unchanged
    for start in range(0, len(plan.to_read), COMMIT_EVERY):
        batch = plan.to_read[start : start + COMMIT_EVERY]
        _pull_batch(postgres, objects, connector, source_id, batch, seen.labels, report)
        progress.advance("files pulled", start + len(batch), len(plan.to_read))
    if plan.removed:
        _bury(postgres, source_id, plan, report)
    return report


def _pull_batch(
    postgres: Postgres,
    objects: ObjectStore,
    connector: FilesystemConnector,
    source_id: str,
    files: Sequence[SourceFile],
    labels: Mapping[str, Label],
    report: PullReport,
) -> None:
    with postgres.connect() as conn:
        store.lock_source(conn, source_id)
        live = store.live_pulls(conn, source_id)  # again, under the lock: another run may have been faster
        versions = [_version(objects, connector, source_id, f, labels[f.path], live.get(f.path), report) for f in files]
        fresh = [(pull, live.get(pull.path)) for pull in versions if pull is not None]
        store.record(conn, source_id, [old.pull_id for _, old in fresh if old], [pull for pull, _ in fresh])
        same = {f.path: f.version for f, pull in zip(files, versions, strict=True) if pull is None}
        store.touch(conn, [(version, live[path].pull_id) for path, version in same.items()])


def _version(
    objects: ObjectStore,
    connector: FilesystemConnector,
    source_id: str,
    file: SourceFile,
    label: Label,
    previous: LivePull | None,
    report: PullReport,
) -> store.NewPull | None:
    """The new version of a file, None where its content and label are the ones we hold."""
    digest, reason = _read(objects, connector, file, report)
    same = previous and (previous.object_sha256, previous.label_digest) == (digest, label.digest)
    if previous and same and previous.state != "removed":
        report.unchanged += 1
        return None
    if digest is None:
        report.unreadable += 1
    elif previous is None or previous.state == "removed":
        report.new += 1
    else:
        report.changed += 1
    pull_id = pull_id_of(source_id, file.path, digest, label, previous.versions if previous else 0)
    state = "pulled" if digest else "unreadable"
    return store.NewPull(pull_id, file.path, state, reason, digest, file.size_bytes, file.version, label)


def _read(
    objects: ObjectStore, connector: FilesystemConnector, file: SourceFile, report: PullReport
) -> tuple[str | None, str | None]:
    if file.size_bytes > MAX_OBJECT_BYTES:
        return None, f"too_large: {file.size_bytes} bytes, the limit is {MAX_OBJECT_BYTES}"
    try:
        data = connector.read(file.path)
    except OSError as problem:
        return None, f"unreadable: {type(problem).__name__}"
    report.bytes_read += len(data)
    return objects.put(data), None


def _bury(postgres: Postgres, source_id: str, plan: Plan, report: PullReport) -> None:
    with postgres.connect() as conn:
        store.lock_source(conn, source_id)
        live = store.live_pulls(conn, source_id)
        gone = [live[pull.path] for pull in plan.removed if live[pull.path].pull_id == pull.pull_id]
        nothing = Label(None, None, "", None, "none")
        tombstones = [
            store.NewPull(
                pull_id=pull_id_of(source_id, pull.path, None, nothing, pull.versions),
                path=pull.path,
                state="removed",
                reason="no longer listed by the source",
                object_sha256=None,
                size_bytes=None,
                source_version="",
                label=nothing,
            )
            for pull in gone
        ]
        store.record(conn, source_id, [pull.pull_id for pull in gone], tombstones)
        report.removed = len(tombstones)


def _manifest(connector: FilesystemConnector, file: SourceFile) -> Manifest:
    try:
        return read_manifest(connector.read(file.path), PurePosixPath(file.path).parent)
    except OSError as problem:
        return Manifest({}, (f"unreadable: {type(problem).__name__}",))
