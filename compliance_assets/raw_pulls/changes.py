"""What a pull of every source would read, without reading it: the sensor's question. What is gone is taken out with the look."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector, SourceUnreachable
from compliance_assets.raw_pulls.look import Look, look
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Changes:
    """`by_year`: year -> digest of the files to read; `without_year`: digest of those whose year only reading can tell.

    `counts`: how many files were added, changed, moved, removed, relabelled (`access`: who may see them), those that are not 0.
    Whether a file moved is told by the store's mark of it here, by its bytes when it is read.
    """

    by_year: dict[int, str]
    without_year: str | None
    unreachable: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Digest of all that is to be read."""
        return digest_of({"by_year": {str(y): d for y, d in self.by_year.items()}, "without_year": self.without_year})


def changes_of_sources(postgres: Postgres, pattern: str | None) -> Changes:
    """Look at every registered source. Files that are gone leave every search before this returns."""
    touched: defaultdict[int | None, list[list[str]]] = defaultdict(list)
    unreachable = []
    counts: Counter[str] = Counter()
    with postgres.connect() as conn:
        sources = store.sources(conn)
    for source_id, uri in sources:
        try:
            seen = look(postgres, source_id, FilesystemConnector(uri), pattern)
        except SourceUnreachable as problem:
            unreachable.append(str(problem))
            continue
        counts.update(_counts(seen))
        for year, mark in _marks(source_id, seen):
            touched[year].append(mark)
    digests = {year: digest_of(sorted(marks)) for year, marks in touched.items()}
    by_year = {year: digest for year, digest in digests.items() if year is not None}
    return Changes(by_year, digests.get(None), tuple(unreachable), {kind: n for kind, n in counts.items() if n})


def _counts(seen: Look) -> dict[str, int]:
    plan, live = seen.plan, seen.live
    marks = Counter(pull.source_version for pull in plan.removed)
    new = [f for f in plan.to_read if f.path not in live or live[f.path].state == "removed"]
    moved = (marks & Counter(file.version for file in new)).total()
    known = [file for file in plan.to_read if file.path in live and live[file.path].state != "removed"]
    relabelled = sum(
        live[file.path].source_version == file.version and live[file.path].state == "pulled" for file in known
    )
    return {
        "added": len(new) - moved,
        "changed": len(known) - relabelled,
        "moved": moved,
        "removed": len(plan.removed) - moved,
        "relabelled": relabelled,
        "access": len(plan.access),
    }


def _marks(source_id: str, seen: Look) -> Iterator[tuple[int | None, list[str]]]:
    """(year, what identifies the change) for each year that a file to read touches: its new one and its old one."""
    for file in seen.plan.to_read:
        before, label = seen.live.get(file.path), seen.seen.labels[file.path]
        mark = [source_id, file.path, file.version, label.digest, before.pull_id if before else ""]
        for year in {label.year, before.year if before else label.year}:
            yield year, mark
