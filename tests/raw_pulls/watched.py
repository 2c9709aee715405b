"""A source folder that a test writes to and pulls from, on the real database and a real object store."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from compliance_assets.deployment import Deployment
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.changes import Changes, changes_of_sources
from compliance_assets.raw_pulls.connector import source_id_of
from compliance_assets.raw_pulls.pull import PullReport, pull_source
from resources.location import canonical_uri
from resources.progress import Silent


@dataclass(frozen=True)
class Version:
    """One recorded version of one file."""

    pull_id: str
    state: str
    reason: str | None
    object_sha256: str | None
    year: int | None
    access: list[str]


class WatchedSource:
    """Registered when it is made."""

    def __init__(self, deployment: Deployment, folder: Path | str, pattern: str | None = None) -> None:
        self.deployment, self.folder, self.pattern = deployment, Path(folder), pattern
        self.uri = canonical_uri(str(folder))
        self.source_id = source_id_of(self.uri)
        self._clock = 1_700_000_000
        with deployment.postgres.connect() as conn:
            store.register_source(conn, self.source_id, self.uri)

    def pull(self) -> PullReport:
        """Pull once."""
        d = self.deployment
        return pull_source(d.postgres, d.objects, self.source_id, self.uri, self.pattern, Silent())

    def changes(self) -> Changes:
        """What a pull would touch."""
        return changes_of_sources(self.deployment.postgres, self.pattern)

    def write(self, path: str, text: str) -> None:
        """Write a file; each writing has a time of its own, however quick the test."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        self._clock += 10
        os.utime(target, (self._clock, self._clock))

    def versions(self, path: str) -> list[Version]:
        """Every version of a path that was ever recorded, the newest one last."""
        with self.deployment.postgres.connect() as conn:
            rows = conn.execute(
                "SELECT pull_id, state, reason, object_sha256, (label->>'year')::int, label->'access' FROM compliance.raw_pulls"
                " WHERE source_id = %s AND path = %s ORDER BY superseded_at NULLS LAST",
                [self.source_id, path],
            ).fetchall()
        return [Version(*row) for row in rows]

    def moved_from(self, path: str) -> str | None:
        """The path that the newest version of a path says it was under before."""
        with self.deployment.postgres.connect() as conn:
            row = conn.execute(
                "SELECT o.path FROM compliance.raw_pulls p JOIN compliance.raw_pulls o ON o.pull_id = p.moved_from"
                " WHERE p.source_id = %s AND p.path = %s AND p.superseded_at IS NULL",
                [self.source_id, path],
            ).fetchone()
        return row[0] if row else None

    def last_listed_at(self) -> datetime:
        """When the last listing began after which nothing was left to take out."""
        with self.deployment.postgres.connect() as conn:
            row = conn.execute(
                "SELECT last_listed_at FROM compliance.sources WHERE source_id = %s", [self.source_id]
            ).fetchone()
        assert row is not None
        at: datetime = row[0]
        return at

    def paths(self) -> list[str]:
        """The paths that we hold, tombstones left out."""
        with self.deployment.postgres.connect() as conn:
            live = store.live_pulls(conn, self.source_id)
        return sorted(path for path, pull in live.items() if pull.state != "removed")

    def bytes_of(self, path: str) -> bytes:
        """The newest bytes of a path, from the object store."""
        digest = self.versions(path)[-1].object_sha256
        assert digest is not None
        return self.deployment.objects.get(digest)
