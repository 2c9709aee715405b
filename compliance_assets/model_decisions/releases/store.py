"""All SQL of releases: their files, the pointer to the one in production, and its moves. The ledger says where it stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, Head, NewEntry, Walk
from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, Running
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, organization_of

#: How a release comes into production. `restored`: the pointer was found elsewhere and put back.
Move = Literal["release_installed", "release_promoted", "release_rolled_back", "release_restored"]
MOVES: tuple[Move, ...] = get_args(Move)
_SHORTEST_ID = 8


@dataclass(frozen=True, slots=True)
class Moved:
    """A move of the pointer, as the ledger has it: the entry `seq` put the release into production."""

    kind: str
    release_id: str
    seq: int
    at: str
    actor: str


@dataclass(frozen=True, slots=True)
class Production:
    """The release in production, with its files and the move that put it there."""

    release: Release
    bundle: ReleaseBundle
    moved: Moved


# ── releases and their files ─────────────────────────────────────────────────────────────────────────────────────────


def keep(conn: Connection, release: Release, bundle: ReleaseBundle) -> None:
    """Store a release with its files, once."""
    conn.execute(
        "INSERT INTO compliance.releases (organization_id, release_id, manifest)"
        " VALUES (compliance.current_organization(), %s, %s) ON CONFLICT DO NOTHING",
        [release.release_id, release.canonical],
    )
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.release_files (organization_id, release_id, path, content)"
            " VALUES (compliance.current_organization(), %s, %s, %s) ON CONFLICT DO NOTHING",
            [(release.release_id, path, content) for path, content in bundle.files.items()],
        )


def kept(conn: Connection, release_id: str) -> tuple[Release, ReleaseBundle]:
    """A release by its id, or by the first characters of it. Raises InvalidInput for one that is not kept with its files, and
    IntegrityError where its files are not those of its manifest.
    """
    found = [full for full in kept_ids(conn) if full.startswith(release_id) and len(release_id) >= _SHORTEST_ID]
    if len(found) != 1:
        raise InvalidInput(
            "unknown release",
            expected=f"the id of a release that is kept here, or at least {_SHORTEST_ID} characters that only it begins with",
            found=f"{release_id!r}, with which {len(found)} begin",
            remedy="`compliance release list` names them.",
        )
    row = conn.execute("SELECT manifest FROM compliance.releases WHERE release_id = %s", found).fetchone()
    assert row is not None
    release, bundle = Release.model_validate_json(row[0]), ReleaseBundle(_files(conn, found[0]))
    _require_unchanged(found[0], release, bundle)
    return release, bundle


def kept_ids(conn: Connection) -> list[str]:
    """Every release whose files are kept."""
    rows = conn.execute("SELECT DISTINCT release_id FROM compliance.release_files ORDER BY 1").fetchall()
    return [release_id for (release_id,) in rows]


def prompts_of(conn: Connection, release_id: str) -> dict[str, bytes]:
    """The prompts that a release was kept with, by file name; none where it is older than its files."""
    return ReleaseBundle(_files(conn, release_id)).under("prompts")


def _files(conn: Connection, release_id: str) -> dict[str, bytes]:
    rows = conn.execute(
        "SELECT path, content FROM compliance.release_files WHERE release_id = %s ORDER BY path", [release_id]
    ).fetchall()
    return {path: bytes(content) for path, content in rows}


def _require_unchanged(release_id: str, release: Release, bundle: ReleaseBundle) -> None:
    """A superuser can change what is kept; the release's id says what it was."""
    running = Running(
        release.chunker, release.embedder_digest, release.index_parameters, release.golden_set, release.code_version
    )
    try:
        found = bundle.manifest(running).release_id
    except (InvalidInput, KeyError) as problem:
        found = f"files that are none ({problem})"
    if {found, release.release_id} != {release_id}:
        raise IntegrityError(
            "the files of a release were changed",
            expected=f"those of {release_id}",
            found=found,
            remedy="Nothing is decided with them. Restore the table release_files from a backup, or roll back.",
        )


# ── the pointer ──────────────────────────────────────────────────────────────────────────────────────────────────────


def production(conn: Connection, keyring: Keyring) -> Production | None:
    """The release in production, None before the first. Raises IntegrityError where the pointer, the entry that it follows or
    the files were changed by another hand.
    """
    row = conn.execute("SELECT release_id, seq FROM compliance.production_release").fetchone()
    last = last_move(conn, keyring)
    if row is None and last is None:
        return None
    if row is None or last is None or (row[0], row[1]) != (last.release_id, last.seq):
        raise IntegrityError(
            "the pointer to the release in production was moved by hand",
            expected=f"{last.release_id} by entry {last.seq}" if last else "no release: the ledger knows of none",
            found=f"{row[0]} by entry {row[1]}" if row else "none",
            remedy="Nothing is decided meanwhile. The sensor pointer_drift puts it back; `compliance incidents` shows it.",
        )
    return Production(*kept(conn, last.release_id), last)


def in_production(conn: Connection) -> tuple[str, int] | None:
    """(release_id, the entry that put it there) as the row has it. It stays so until the transaction ends: moves wait for it."""
    conn.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [_lock_name(conn)])
    row = conn.execute("SELECT release_id, seq FROM compliance.production_release").fetchone()
    return (row[0], row[1]) if row else None


def move(
    conn: Connection,
    keyring: Keyring,
    kind: Move,
    release_id: str,
    body: dict[str, object],
    actor: str,
    at: datetime,
    *,
    instead_of: str | None,
) -> Entry:
    """Put a release into production in the caller's transaction, with its entry. The files must be kept already.

    Raises IntegrityError where another release than `instead_of` is in production by now: of two at once the second is refused.
    """
    hold_pointer(conn)
    found = last_move(conn, keyring)
    if (found.release_id if found else None) != instead_of:
        raise IntegrityError(
            "another release came into production meanwhile",
            expected=instead_of or "none",
            found=found.release_id if found else "none",
            remedy="Evaluate the candidate against it, and promote again.",
        )
    entry = ledger.append(
        conn,
        keyring,
        NewEntry(
            NO_YEAR, kind, rfc3339(at), clear_text(actor, "actor"), release_id, {**body, "instead_of": instead_of}
        ),
    )
    conn.execute("SELECT compliance.follow_release_entry(%s, %s)", [entry.seq, list(MOVES)])
    return entry


def hold_pointer(conn: Connection) -> None:
    """Nobody else moves the pointer until the transaction ends; waits for who does, and for decisions that are being recorded."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_lock_name(conn)])


def _lock_name(conn: Connection) -> str:
    return f"production_release {organization_of(conn)}"


def moves(conn: Connection, keyring: Keyring) -> list[Moved]:
    """Every move that the ledger holds, oldest first. Raises IntegrityError for an entry that does not hold."""
    entries = sorted((e for kind in MOVES for e in ledger.entries_of_kind(conn, kind)), key=lambda e: e.seq)
    return [_moved(entry) for entry in held(conn, keyring, entries)]


def last_move(conn: Connection, keyring: Keyring) -> Moved | None:
    """The newest move, held against the key of its entry."""
    entries = list(held(conn, keyring, ledger.last_of_kinds(conn, MOVES)))
    return _moved(entries[0]) if entries else None


def held(conn: Connection, keyring: Keyring, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each entry as a chain of its own: whoever has not the key cannot have written it."""
    organization_id = organization_of(conn)
    for entry in entries:
        walk = Walk(lambda key_id: keyring.chain_key(organization_id, key_id), Head(entry.seq - 1, entry.prev_hash))
        for finding in walk.over([entry]):
            raise IntegrityError(
                f"entry {entry.seq}, about a release, does not hold",
                expected=finding.expected,
                found=finding.found,
                remedy="Nothing is decided meanwhile. `compliance verify` says what else does not hold.",
            )
        yield entry


def _moved(entry: Entry) -> Moved:
    return Moved(entry.kind, entry.subject_id, entry.seq, entry.occurred_at, entry.actor)
