"""All SQL of the lexical index: from the chunks of a year, into pieces beside the live version, and out again."""

from collections.abc import Iterator, Sequence
from itertools import count

from compliance_assets.year_index import lexical
from compliance_assets.year_index.lexical import LexicalEntry
from resources.postgres import Connection

_CURSORS = count()  # a name for each: an iterator that is not read to its end keeps its own


def built(conn: Connection, year: int, chunker_version: str) -> tuple[bytes, ...]:
    """The lexical index of a year's live documents as they are now."""
    return lexical.build(entries_of(conn, year, chunker_version))


def entries_of(conn: Connection, year: int, chunker_version: str) -> Iterator[LexicalEntry]:
    """The chunks of the year's live readable documents, read as they are asked for. Needs a transaction.

    By category, then by chunk id: what is searched together lies together, which halves the time of a search in a category.
    """
    conn.execute("SET LOCAL cursor_tuple_fraction = 1")  # every row is wanted, not the first ones soon
    with conn.cursor(name=f"lexical_entries_{next(_CURSORS)}") as cursor:
        cursor.execute(
            "SELECT c.chunk_id, c.doc_id, c.filer_category, c.header, c.text FROM compliance.chunks c"
            " JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live AND d.state = 'ok'"
            " WHERE c.year = %s AND c.chunker_version = %s "
            ' ORDER BY c.filer_category COLLATE "C" NULLS FIRST, c.chunk_id COLLATE "C"',
            [year, chunker_version],
        )
        for row in cursor:
            yield LexicalEntry(*row)


def swap_in(conn: Connection, year: int, index_version: str, pieces: Sequence[bytes]) -> str:
    """Put the lexical index of the live version in the place of whatever the year had; returns its digest.

    In the transaction that makes the version live, after that: a search sees vectors and words of one version. No digest of
    words outlives them, since it would tell whether somebody's guess of an erased document is right.
    """
    digest = lexical.digest_of_pieces(pieces)
    conn.execute("DELETE FROM compliance.lexical_indexes WHERE year = %s", [year])
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.lexical_indexes (organization_id, year, index_version, part, piece)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %b)",
            ((year, index_version, part, piece) for part, piece in enumerate(pieces)),
        )
    conn.execute(
        "UPDATE compliance.index_versions SET lexical_digest = CASE index_version WHEN %(version)s THEN %(digest)s END"
        " WHERE year = %(year)s AND (index_version = %(version)s OR lexical_digest IS NOT NULL)",
        {"year": year, "version": index_version, "digest": digest},
    )
    return digest


def read(conn: Connection, year: int, index_version: str) -> Iterator[bytes]:
    """The pieces of a version, one at a time. None where it is not the live one any more. Needs a transaction."""
    with conn.cursor(name=f"lexical_pieces_{next(_CURSORS)}", binary=True) as cursor:
        cursor.itersize = 1
        cursor.execute(
            "SELECT piece FROM compliance.lexical_indexes WHERE year = %s AND index_version = %s ORDER BY part",
            [year, index_version],
        )
        for (piece,) in cursor:
            yield piece


def live(conn: Connection, year: int) -> tuple[str, str] | None:
    """(index_version, lexical_digest) of the year's live version; None where it has no lexical index."""
    row = conn.execute(
        "SELECT index_version, lexical_digest FROM compliance.index_versions"
        " WHERE year = %s AND state = 'live' AND lexical_digest IS NOT NULL",
        [year],
    ).fetchone()
    return (row[0], row[1]) if row else None


def rebuild(conn: Connection, year: int) -> None:
    """Make the live version's lexical index again from the chunks that are left: after an erasure, in its transaction.

    Waits for who builds an index of the year. Does nothing where the live version has none.
    """
    row = conn.execute(
        "SELECT index_version, chunker_version FROM compliance.index_versions"
        " WHERE year = %s AND state = 'live' AND lexical_digest IS NOT NULL FOR UPDATE",
        [year],
    ).fetchone()
    if row:
        swap_in(conn, year, row[0], built(conn, year, row[1]))
