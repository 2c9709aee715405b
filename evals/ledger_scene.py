"""A ledger to tamper with: two organisations, signed and published, in a database that is copied for each attempt."""

import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.amendments import amend
from compliance_assets.audit_ledger.chain import Entry, leaf_of
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.audit_ledger.pointers import move_pointer
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.erasure import erase, place_hold
from compliance_assets.migrations.runner import migrate
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.store import record_all
from compliance_assets.review.incidents import open_incident
from compliance_assets.review.oversight import oversee
from compliance_assets.year_index.pointers import pointer_of
from evals.ledger_load import RELEASE, Load, decisions, person_of, store_for_replay, store_sources
from resources.checkpoint_log import CheckpointLog
from resources.clock import system_clock
from resources.keyring import Keyring
from resources.object_store import ObjectStore
from resources.postgres import Connection, Postgres
from resources.providers import Models
from resources.settings import Settings

A, B = "a0000000-0000-4000-8000-00000000000a", "b0000000-0000-4000-8000-00000000000b"
LOAD = Load(years=(2021, 2022))
#: Decisions of each signed part of A's ledger, then of the part behind its last checkpoint; and of B's one part.
SIGNED_PARTS, UNSIGNED, OF_B = (300, 300, 300), 20, 1_200
#: The invented decisions that something happens to, by number.
ERASED, HELD, REWRITTEN, TARGET, LATE = 3, 4, 410, 500, 800
#: Copies of the database as the first two parts left it: before the erasure, and behind it.
BACKUPS = ("early", "later")
BATCH = 100


@dataclass(slots=True)
class Case:
    """One copy of everything, and a superuser's session in it with triggers and foreign keys off."""

    archive: Archive
    other: Archive
    owner: Connection
    server: str
    early: str
    written: tuple[Entry, ...]  # A's entries as they were written
    others: tuple[Entry, ...]  # B's
    undo: ExitStack = field(default_factory=ExitStack)

    @property
    def signed(self) -> int:
        """The size of A's last checkpoint."""
        return max(self.archive.checkpoint_log.sizes(A))

    def entry(self, number: int) -> Entry:
        """A's entry of an invented decision: its place among the decisions is its number."""
        return [entry for entry in self.written if entry.kind == "decision"][number]

    @property
    def target(self) -> Entry:
        """A decision in the middle of the signed part."""
        return self.entry(TARGET)

    @property
    def last(self) -> Entry:
        """A decision behind the last checkpoint."""
        return self.written[-2]

    def run(self, statement: str, *values: object) -> int:
        """Execute as superuser; something has to come of it."""
        done = self.owner.execute(statement.encode(), values)
        assert done.rowcount, statement
        return done.rowcount

    def set_entry(self, seq: int, values: str, *parameters: object, organization: str = A) -> None:
        """Change an entry's row."""
        self.run(
            f"UPDATE compliance.ledger_entries SET {values} WHERE organization_id = %s AND seq = %s",  # noqa: S608
            *parameters,
            organization,
            seq,
        )

    def replace_entries(self, entries: Sequence[Entry], first: int) -> None:
        """Put these in place of A's entries from `first` on, and the head where they end."""
        self.owner.execute("DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq >= %s", [A, first])
        names = sql.SQL(", ").join(map(sql.Identifier, Entry._fields))
        places = sql.SQL(", ").join([sql.Placeholder()] * len(Entry._fields))
        with self.owner.cursor() as cursor:
            cursor.executemany(
                sql.SQL("INSERT INTO compliance.ledger_entries ({}) VALUES ({})").format(names, places),
                [tuple(entry) for entry in entries],
            )
        self.move_head(entries[-1])

    def move_head(self, last: Entry) -> None:
        """Make A's ledger end with an entry."""
        self.run(
            "UPDATE compliance.ledger_heads SET seq = %s, entry_hash = %s WHERE organization_id = %s",
            last.seq,
            last.entry_hash,
            A,
        )


class Scene:
    """The template databases on a server, and the files that belong to them."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder / "scene"
        self._prefix = f"scene_{uuid.uuid4().hex[:8]}"
        self._cases = 0
        self.written: tuple[Entry, ...] = ()
        self.others: tuple[Entry, ...] = ()

    @property
    def size(self) -> int:
        """Entries of both organisations."""
        return len(self.written) + len(self.others)

    def build(self) -> None:
        """Write the ledgers, and keep backups on the way."""
        self._administer("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", "base")
        home = self._folder / "base"
        archive, other = self._archive("base", home, A), self._archive("base", home, B)
        archive.keyring.create_if_missing()
        _put_indexes(archive)
        _put_indexes(other)
        _decide(other, 100_000, OF_B)
        _sign(other)
        start = 0
        for part, count in enumerate(SIGNED_PARTS):
            _decide(archive, start, count)
            start += count
            if part == 1:
                _change(archive)
            _sign(archive)
            if part < len(BACKUPS):
                self._administer("CREATE DATABASE {} TEMPLATE {}", BACKUPS[part], "base")
        _decide(archive, start, UNSIGNED)
        self.written, self.others = _entries(archive), _entries(other)

    @contextmanager
    def case(self, backup: str = "base") -> Iterator[Case]:
        """A copy of everything, or of the old backup's database beside today's files; gone afterwards."""
        self._cases += 1
        name = f"case{self._cases}"
        home = self._folder / name
        for part in ("keys", "checkpoints"):
            shutil.copytree(self._folder / "base" / part, home / part)
        self._administer("CREATE DATABASE {} TEMPLATE {}", name, backup)
        owner = psycopg.connect(self._dsn(name))
        try:
            owner.execute("SET session_replication_role = replica")
            case = Case(self._archive(name, home, A), self._archive(name, home, B), owner, self._url,
                        self._name("early"), self.written, self.others)  # fmt: skip
            with case.undo:
                yield case
        finally:
            owner.close()
            self._administer("DROP DATABASE {} WITH (FORCE)", name)
            shutil.rmtree(home)

    def remove(self) -> None:
        """The templates."""
        for name in ("base", *BACKUPS):
            self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _name(self, name: str) -> str:
        return f"{self._prefix}_{name}"

    def _dsn(self, name: str) -> str:
        return make_conninfo(self._url, dbname=self._name(name))

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(*[sql.Identifier(self._name(name)) for name in names]))

    def _archive(self, name: str, home: Path, organization_id: str) -> Archive:
        """As a deployment makes it. Objects are never changed by a ledger, so that all copies share them."""
        settings = Settings.from_environment(
            {
                "COMPLIANCE_DATABASE_URL": self._dsn(name),
                "COMPLIANCE_ORGANIZATION_ID": organization_id,
                "COMPLIANCE_OBJECT_STORE_URL": (self._folder / "objects").as_uri(),
                "COMPLIANCE_YEARS": f"{LOAD.years[0]}-{LOAD.years[-1]}",
            },
            data_dir=home,
        )
        return Archive(
            settings,
            Postgres(settings, lambda connect: migrate(connect, settings.years)),
            Keyring(home / "keys" / "master.key"),
            ObjectStore(settings.object_store_url),
            CheckpointLog(settings.checkpoint_url),
            Models((), local=(ExtractiveModel(),)),
            system_clock,
        )


def _entries(archive: Archive) -> tuple[Entry, ...]:
    with archive.postgres.connect() as conn:
        return tuple(ledger.entries(conn))


def _put_indexes(archive: Archive) -> None:
    """The indexes that the decisions name, with the entries that put them in place; of their contents nothing."""
    with archive.postgres.connect() as conn:
        for year in LOAD.years:
            conn.execute(
                "INSERT INTO compliance.index_versions (organization_id, year, index_version, state, embedder,"
                " embedder_digest, precision_used, dimension, chunker_version, corpus_digest, document_count, chunk_count,"
                " parameters) VALUES (compliance.current_organization(), %s, %s, 'live', 'hash-384', %s, 'fp32', 32, 'load',"
                " %s, 0, 0, '{}')",
                [year, f"ix_{year}", RELEASE.embedder_digest, sha256_hex(str(year))],
            )
            move_pointer(conn, archive.keyring, pointer_of(year), f"ix_{year}", None, year)


def _decide(archive: Archive, start: int, count: int) -> None:
    with archive.postgres.connect() as conn:
        for first in range(start, start + count, BATCH):
            made = list(decisions(LOAD, first, min(BATCH, start + count - first), archive.postgres.organization_id))
            store_sources(conn, made)
            store_for_replay(conn, archive.objects, made)
            record_all(conn, archive.keyring, made)
            conn.commit()


def _sign(archive: Archive) -> None:
    assert checkpoint_ledger(archive.postgres, archive.keyring, archive.checkpoint_log) is not None


def _change(archive: Archive) -> None:
    """An erasure, a hold, oversight, an incident, and a rewrite on an order with the amendment that documents it."""
    erase(archive, person_of(ERASED), "ORDER-1", "officer")
    place_hold(archive, person_of(HELD), "ORDER-2", "officer")
    with archive.postgres.connect() as conn:
        decided: Iterable[Entry] = (entry for entry in ledger.entries(conn) if entry.kind == "decision")
        entry = list(decided)[REWRITTEN]
    oversee(archive.postgres, archive.keyring, archive.clock, entry.seq, "flagged", "officer", "")
    open_incident(archive.postgres, archive.keyring, archive.clock, "test", "low", "an incident", {"n": 1}, "officer",
                  fingerprint="test")  # fmt: skip
    with archive.postgres.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE compliance.ledger_entries SET actor = 'redacted' WHERE organization_id = %s AND seq = %s",
            [A, entry.seq],
        )
    amend(archive.postgres, archive.keyring, archive.clock, entry.seq, "a name in the actor", "ORDER-3", "officer",
          rewritten=True, was_leaf=leaf_of(entry).hex())  # fmt: skip
