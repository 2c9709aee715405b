"""All SQL of chunks."""

from collections.abc import Iterable, Iterator, Sequence

from compliance_assets.chunks.chunker import DocumentText
from compliance_assets.chunks.coverage import StoredSpan
from compliance_assets.contracts.chunk import Chunk
from resources.postgres import Connection

_PENDING = """
    FROM compliance.documents d
    WHERE d.live AND d.state = 'ok' AND d.year = %(year)s
      AND NOT EXISTS (SELECT FROM compliance.chunked_documents c
                      WHERE c.doc_id = d.filing_id AND c.chunker_version = %(version)s)
"""


def claim(conn: Connection, year: int, version: str, limit: int) -> list[DocumentText]:
    """Documents of the year that this chunker has not seen; they stay locked until the transaction ends."""
    rows = conn.execute(
        "SELECT d.filing_id, d.year, d.filer_category, d.raw_text, d.raw_pages, d.title"
        + _PENDING
        + " ORDER BY d.filing_id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED",
        {"year": year, "version": version, "limit": limit},
    )
    return [
        DocumentText(doc_id, doc_year, category, text, tuple(page["char_end"] for page in pages), title)
        for doc_id, doc_year, category, text, pages, title in rows
    ]


def count_pending(conn: Connection, year: int, version: str) -> int:
    """How many documents of the year wait for this chunker."""
    row = conn.execute("SELECT count(*)" + _PENDING, {"year": year, "version": version}).fetchone()
    return row[0] if row else 0


def insert(conn: Connection, documents: Sequence[DocumentText], chunks: Iterable[Chunk], version: str) -> None:
    """Store the chunks of claimed documents and mark the documents as done, in the caller's transaction."""
    organization = conn.execute("SELECT compliance.current_organization()").fetchone()
    assert organization is not None
    counts = dict.fromkeys((document.doc_id for document in documents), 0)
    # COPY into a table with row-level security is refused, so it goes through a staging table of the session.
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS staged_chunks (LIKE compliance.chunks) ON COMMIT DELETE ROWS")
    with conn.cursor().copy("COPY staged_chunks FROM STDIN") as copy:
        for c in chunks:
            counts[c.doc_id] += 1
            copy.write_row((
                organization[0], c.year, c.chunk_id, c.doc_id, c.filer_category, c.ordinal, c.page, c.char_start,
                c.char_end, c.section, c.text, c.token_count, c.text_sha256, c.chunker_version, c.header, c.header_sha256,
            ))  # fmt: skip
    conn.execute("INSERT INTO compliance.chunks SELECT * FROM staged_chunks ON CONFLICT DO NOTHING")
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.chunked_documents (organization_id, doc_id, chunker_version, year, chunk_count)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [(document.doc_id, version, document.year, counts[document.doc_id]) for document in documents],
        )


def state_of_year(conn: Connection, year: int, version: str) -> str:
    """Changes when another set of live documents stands chunked. It says nothing of what they contain: event logs are kept."""
    row = conn.execute(
        "SELECT encode(sha256(convert_to(coalesce(string_agg(c.chunked_at::text, ',' ORDER BY c.chunked_at), ''), 'UTF8')), 'hex')"
        " FROM compliance.chunked_documents c JOIN compliance.documents d ON d.filing_id = c.doc_id"
        " WHERE c.year = %s AND c.chunker_version = %s AND d.live AND d.state = 'ok'",
        [year, version],
    ).fetchone()
    assert row is not None
    return str(row[0])


def token_counts(conn: Connection, year: int, version: str) -> list[int]:
    """Tokens of every chunk of the year's live documents."""
    rows = conn.execute(
        "SELECT c.token_count FROM compliance.chunks c JOIN compliance.documents d ON d.filing_id = c.doc_id"
        " WHERE c.year = %s AND c.chunker_version = %s AND d.live AND d.state = 'ok'",
        [year, version],
    ).fetchall()
    return [count for (count,) in rows]


def documents_with_chunks(conn: Connection, year: int, version: str) -> Iterator[tuple[DocumentText, list[StoredSpan]]]:
    """Every live document of the year with the spans stored for it. A document's text is loaded once, not once a chunk."""
    ids = conn.execute(
        "SELECT filing_id FROM compliance.documents d WHERE d.live AND d.state = 'ok' AND d.year = %s ORDER BY 1",
        [year],
    ).fetchall()
    for (doc_id,) in ids:
        row = conn.execute(
            "SELECT filer_category, raw_text, raw_pages FROM compliance.documents WHERE filing_id = %s", [doc_id]
        ).fetchone()
        spans = conn.execute(
            "SELECT chunk_id, page, char_start, char_end, text FROM compliance.chunks"
            " WHERE year = %s AND chunker_version = %s AND doc_id = %s ORDER BY ordinal",
            [year, version, doc_id],
        ).fetchall()
        assert row is not None
        page_ends = tuple(page["char_end"] for page in row[2])
        yield DocumentText(doc_id, year, row[0], row[1], page_ends), [StoredSpan(*span) for span in spans]


def document_counts(conn: Connection, year: int, version: str) -> tuple[int, int]:
    """(live ok documents of the year, those of them that are chunked)."""
    row = conn.execute(
        "SELECT count(*), count(c.doc_id) FROM compliance.documents d LEFT JOIN compliance.chunked_documents c"
        " ON c.doc_id = d.filing_id AND c.chunker_version = %s WHERE d.live AND d.state = 'ok' AND d.year = %s",
        [version, year],
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)
