"""Pulls a source: look at it, read what changed into the object store, record it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector, SourceFile, SourceUnreachable
from compliance_assets.raw_pulls.labels import Label
from compliance_assets.raw_pulls.look import Look, look
from compliance_assets.raw_pulls.plan import LivePull, pull_id_of
from resources.object_store import ObjectStore
from resources.postgres import Postgres
from resources.progress import Progress

CODE_VERSION = "1"
COMMIT_EVERY = 64  # files; what a killed pull loses at most
MAX_OBJECT_BYTES = 512 * 1024 * 1024


@dataclass(slots=True)
class PullReport:
    """What a pull did, for the materialisation's metadata. A moved file is neither new nor changed."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    relabelled: int = 0
    unchanged: int = 0
    unreadable: int = 0
    bytes_read: int = 0
    unreachable: str | None = None
    manifest_problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a file came to: the digest of its bytes, or the reason why there is none."""

    file: SourceFile
    label: Label
    digest: str | None
    reason: str | None


def pull_sources(
    postgres: Postgres, objects: ObjectStore, pattern: str | None, progress: Progress
) -> dict[str, PullReport]:
    """Pull every registered source; uri -> report. One that cannot be listed is reported and left as it was.

    All of them are looked at before anything is read: what is gone from the last one does not wait for the first one's files.
    """
    with postgres.connect() as conn:
        registered = store.sources(conn)
    reports: dict[str, PullReport] = {}
    looks: list[tuple[str, str, FilesystemConnector, Look]] = []
    for source_id, uri in registered:
        connector = FilesystemConnector(uri)
        try:
            looks.append((source_id, uri, connector, look(postgres, source_id, connector, pattern)))
        except SourceUnreachable as problem:
            reports[uri] = PullReport(unreachable=str(problem))
    for source_id, uri, connector, seen in looks:
        reports[uri] = _pull(postgres, objects, source_id, connector, seen, progress)
    return {uri: reports[uri] for _, uri in registered}


def pull_source(
    postgres: Postgres, objects: ObjectStore, source_id: str, uri: str, pattern: str | None, progress: Progress
) -> PullReport:
    """Bring our copy of a source up to date. Idempotent; killed at any point, the next pull completes it."""
    connector = FilesystemConnector(uri)
    return _pull(postgres, objects, source_id, connector, look(postgres, source_id, connector, pattern), progress)


def _pull(
    postgres: Postgres,
    objects: ObjectStore,
    source_id: str,
    connector: FilesystemConnector,
    seen: Look,
    progress: Progress,
) -> PullReport:
    plan = seen.plan
    report = PullReport(
        removed=seen.removed,
        relabelled=seen.relabelled,
        unchanged=plan.unchanged,
        manifest_problems=list(seen.seen.manifest_problems),
    )
    for start in range(0, len(plan.to_read), COMMIT_EVERY):
        batch = plan.to_read[start : start + COMMIT_EVERY]
        read = [_read(objects, connector, file, seen.seen.labels[file.path], report) for file in batch]
        _record(postgres, source_id, read, report)
        progress.advance("files pulled", start + len(batch), len(plan.to_read))
    return report


def _record(postgres: Postgres, source_id: str, read: Sequence[Read], report: PullReport) -> None:
    """Record what was read. The source is held for no longer than that: a tombstone does not wait for files to be read."""
    with postgres.connect() as conn:
        store.lock_source(conn, source_id)
        live = store.live_pulls(conn, source_id)  # again, under the lock: another run may have been faster
        vacated = store.vacated(conn, source_id, sorted({one.digest for one in read if one.digest}))
        versions = [_version(source_id, one, live.get(one.file.path), vacated, report) for one in read]
        fresh = [(pull, live.get(pull.path)) for pull in versions if pull is not None]
        store.record(conn, source_id, [old.pull_id for _, old in fresh if old], [pull for pull, _ in fresh])
        same = {one.file.path: one.file.version for one, pull in zip(read, versions, strict=True) if pull is None}
        store.touch(conn, [(version, live[path].pull_id) for path, version in same.items()])


def _version(
    source_id: str,
    read: Read,
    previous: LivePull | None,
    vacated: Mapping[str, list[tuple[str, str]]],
    report: PullReport,
) -> store.NewPull | None:
    """The new version of a file, None where its content and label are the ones we hold."""
    file, digest, label = read.file, read.digest, read.label
    same = previous and (previous.object_sha256, previous.label_digest) == (digest, label.digest)
    if previous and same and previous.state != "removed":
        report.unchanged += 1
        return None
    moved_from = None
    if digest is None:
        report.unreadable += 1
    elif previous is None or previous.state == "removed":
        moved_from = _moved_from(file.path, vacated.get(digest, []))
        report.moved += moved_from is not None
        report.new += moved_from is None
    else:
        report.changed += 1
    pull_id = pull_id_of(source_id, file.path, digest, label, previous.versions if previous else 0)
    state = "pulled" if digest else "unreadable"
    return store.NewPull(
        pull_id, file.path, state, read.reason, digest, file.size_bytes, file.version, label, moved_from
    )


def _moved_from(path: str, vacated: list[tuple[str, str]]) -> str | None:
    """The version that moved to a path: the one removed last of those with the same bytes. Each moves once.

    A file that comes back to its own path has not moved.
    """
    if not vacated or any(left == path for _, left in vacated):
        return None
    return vacated.pop(0)[0]


def _read(
    objects: ObjectStore, connector: FilesystemConnector, file: SourceFile, label: Label, report: PullReport
) -> Read:
    if file.size_bytes > MAX_OBJECT_BYTES:
        return Read(file, label, None, f"too_large: {file.size_bytes} bytes, the limit is {MAX_OBJECT_BYTES}")
    try:
        data = connector.read(file.path)
    except OSError as problem:
        return Read(file, label, None, f"unreadable: {type(problem).__name__}")
    report.bytes_read += len(data)
    return Read(file, label, objects.put(data), None)
