"""Delivers the ledger to sinks: every entry at least once, in order, without a gap. And writes it into files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import BinaryIO

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.evidence.exports import store
from compliance_assets.evidence.exports.cef import cef_line
from compliance_assets.evidence.exports.meaning import Event, severity_of
from compliance_assets.evidence.exports.ocsf import ocsf_line
from compliance_assets.evidence.exports.records import line_of, public_body
from compliance_assets.evidence.exports.sinks import Batch, Patience, Sink, sink_from
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

LOCK_SECONDS = 30.0
_OPENED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Format:
    """How an entry is told: one line without its newline."""

    media_type: str
    text_of: Callable[[Entry], str]


def _record_text(entry: Entry) -> str:
    return line_of(entry).decode().removesuffix("\n")


#: `jsonl` is the whole entry, its content sealed; the two others tell the clear parts alone.
FORMATS = {
    "jsonl": Format("application/x-ndjson", _record_text),
    "ocsf": Format("application/x-ndjson", ocsf_line),
    "cef": Format("text/plain; charset=utf-8", cef_line),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """Entries `from_seq` to `to_seq` were acknowledged; where there were none, `to_seq` is one less than `from_seq`."""

    from_seq: int
    to_seq: int
    count: int

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sink that has not everything yet. `sink` is its name, without anything secret."""

    format: str
    sink: str
    cursor: int
    head: int


def deliver(
    postgres: Postgres,
    sink_url: str,
    format: str,
    *,
    batch: int = 500,
    limit: int | None = None,
    patience: Patience | None = None,
) -> Delivery:
    """Send what a sink does not have yet, at most `limit` entries, up to the head as it was at the start.

    A sink's cursor moves in a transaction of its own after the sink acknowledged a batch: a process that dies between the two
    sends the batch again, it never leaves one out. One process serves a sink at a time.
    """
    told, sink = format_named(format), sink_from(sink_url, patience)
    key = cursor_key(format, sink)
    with postgres.connect() as conn:
        store.lock(conn, key, LOCK_SECONDS)
        start = at = store.cursor(conn, key)
        head = ledger.head(conn).seq
        end = head if limit is None else min(head, start + limit)
        while at < end:
            entries = _whole_batch(conn, at, min(at + batch, end))
            conn.commit()  # no transaction stays open over the network
            sink.deliver(Batch([event_of(entry, told) for entry in entries], told.media_type))
            store.advance(conn, key, at, entries[-1].seq)
            conn.commit()
            at = entries[-1].seq
    return Delivery(start + 1, at, at - start)


def waiting(conn: Connection, sinks: Iterable[tuple[str, str]]) -> list[Waiting]:
    """Those of the (format, URL) pairs whose cursor is behind the head."""
    head, cursors = ledger.head(conn).seq, store.cursors(conn)
    found = []
    for format, url in sinks:
        sink = sink_from(url)
        at = cursors.get(cursor_key(format, sink), 0)
        if at < head:
            found.append(Waiting(format, sink.name, at, head))
    return found


def write_jsonl(
    conn: Connection,
    keyring: Keyring,
    handle: BinaryIO,
    after: int = 0,
    upto: int | None = None,
    open_content: bool = False,
) -> int:
    """Write records as JSON Lines; returns how many. `open_content` opens what is sealed: such a file is personal data."""
    count = 0
    for entries in _batches(ledger.entries(conn, after, upto), _OPENED_AT_ONCE):
        sealed = [entry for entry in entries if entry.sealed is not None]
        contents = ledger.contents(conn, keyring, sealed) if open_content else {}
        for entry in entries:
            handle.write(line_of(entry, contents.get(entry.seq), opened=open_content))
        count += len(entries)
    return count


def write_events(conn: Connection, format: str, handle: BinaryIO, after: int = 0, upto: int | None = None) -> int:
    """Write entries in a SIEM's format, a line each; returns how many."""
    told, count = format_named(format), 0
    for entry in ledger.entries(conn, after, upto):
        handle.write(told.text_of(entry).encode() + b"\n")
        count += 1
    return count


def event_of(entry: Entry, told: Format) -> Event:
    """An entry, told."""
    severity = severity_of(entry, public_body(entry))
    return Event(entry.seq, entry.organization_id, entry.kind, entry.occurred_at, severity, told.text_of(entry))


def format_named(name: str) -> Format:
    """The format of a name. Raises InvalidInput for one that is not known."""
    if name not in FORMATS:
        raise InvalidInput(
            "there is no such format", expected=", ".join(FORMATS), found=repr(name), remedy="Choose one of them."
        )
    return FORMATS[name]


def cursor_key(format: str, sink: Sink) -> str:
    """What a cursor is kept under: the same receiver gets each format from the beginning."""
    return f"{format}|{sink.name}"


def _whole_batch(conn: Connection, after: int, upto: int) -> Sequence[Entry]:
    entries = list(ledger.entries(conn, after, upto))
    if [entry.seq for entry in entries] != list(range(after + 1, upto + 1)):
        missing = sorted({*range(after + 1, upto + 1)} - {entry.seq for entry in entries})
        raise IntegrityError(
            "the ledger has a gap: nothing beyond it is told",
            expected=f"entries {after + 1} to {upto}",
            found=f"without {', '.join(map(str, missing[:5]))}",
            remedy="`compliance verify` names what is missing.",
        )
    return entries


def _batches(entries: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, size)):
        yield batch
