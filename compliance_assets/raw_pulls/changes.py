"""What a pull of every source would touch, without pulling: the sensor's question."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector, SourceUnreachable
from compliance_assets.raw_pulls.plan import LivePull, plan_pull
from compliance_assets.raw_pulls.pull import Survey, survey
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Changes:
    """`by_year`: year -> digest of its changed files; `without_year`: digest of those whose year only reading can tell."""

    by_year: dict[int, str]
    without_year: str | None
    unreachable: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        return digest_of({"by_year": {str(y): d for y, d in self.by_year.items()}, "without_year": self.without_year})


def changes_of_sources(postgres: Postgres, pattern: str | None) -> Changes:
    """Compare every registered source's listing with our live versions. Reads manifests, no other file."""
    touched: defaultdict[int | None, list[list[str]]] = defaultdict(list)
    unreachable = []
    with postgres.connect() as conn:
        for source_id, uri in store.sources(conn):
            try:
                seen = survey(FilesystemConnector(uri), pattern)
            except SourceUnreachable as problem:
                unreachable.append(str(problem))
                continue
            for year, mark in _marks(source_id, seen, store.live_pulls(conn, source_id)):
                touched[year].append(mark)
    digests = {year: digest_of(sorted(marks)) for year, marks in touched.items()}
    by_year = {year: digest for year, digest in digests.items() if year is not None}
    return Changes(by_year, digests.get(None), tuple(unreachable))


def _marks(source_id: str, seen: Survey, live: Mapping[str, LivePull]) -> Iterator[tuple[int | None, list[str]]]:
    """(year, what identifies the change) for each year that a changed file touches: its new one and its old one."""
    plan = plan_pull(seen.files, live, seen.labels)
    for file in plan.to_read:
        before, label = live.get(file.path), seen.labels[file.path]
        mark = [source_id, file.path, file.version, label.digest, before.pull_id if before else ""]
        for year in {label.year, before.year if before else label.year}:
            yield year, mark
    for pull in plan.removed:
        yield pull.year, [source_id, pull.path, "removed", pull.pull_id]
