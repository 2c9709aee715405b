"""What a pull of every source would touch, without pulling: the sensor's question."""

from collections import defaultdict
from dataclasses import dataclass

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import FilesystemConnector
from compliance_assets.raw_pulls.plan import plan_pull
from compliance_assets.raw_pulls.pull import survey
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Changes:
    """`by_year`: year -> digest of its changed files; `without_year`: digest of those whose year only reading can tell."""

    by_year: dict[int, str]
    without_year: str | None

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        return digest_of({"by_year": {str(y): d for y, d in self.by_year.items()}, "without_year": self.without_year})


def changes_of_sources(postgres: Postgres, pattern: str | None) -> Changes:
    """Compare every registered source's listing with our live versions. Reads manifests, no other file."""
    touched: defaultdict[int | None, list[list[str]]] = defaultdict(list)
    with postgres.connect() as conn:
        for source_id, uri in store.sources(conn):
            seen, live = survey(FilesystemConnector(uri), pattern), store.live_pulls(conn, source_id)
            plan = plan_pull(seen.files, live, seen.labels)
            for file in plan.to_read:
                before = live.get(file.path)
                label = seen.labels[file.path]
                mark = [source_id, file.path, file.version, label.digest, before.pull_id if before else ""]
                years = {label.year, before.year if before else label.year}
                for year in years:
                    touched[year].append(mark)
            for pull in plan.removed:
                touched[pull.year].append([source_id, pull.path, "removed", pull.pull_id])
    digests = {year: digest_of(sorted(marks)) for year, marks in touched.items()}
    return Changes({year: digest for year, digest in digests.items() if year is not None}, digests.get(None))
