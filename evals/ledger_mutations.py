"""`make eval-mutations`: everything that an insider can do to a ledger is done to a copy of one, and has to be found.

Beside `verify` (or `watch` or `replay` where one of them is the designed detector) three parts of it look alone: what each
would have missed is why there are three.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from compliance_assets.audit_ledger import checkpoints, merkle
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NO_LEAF, Amendment, Entry, Head, Walk, placed_leaf
from compliance_assets.audit_ledger.note import Verifier
from compliance_assets.audit_ledger.tree import GROUP, split
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.replay import replay_all
from compliance_assets.evidence.verification import verify_all
from compliance_assets.evidence.watch import watch
from evals.ledger_scene import SIGNED_PARTS, UNSIGNED, A, Case, Scene
from evals.ledger_tampering import LIMITS, MUTATIONS, NOT_HELD, Mutation
from evals.scratch_deployment import scratch_folder
from resources.embedded_postgres import EmbeddedPostgres
from resources.keyring import Keyring
from resources.postgres import Connection

DOCUMENT = Path(__file__).parents[1] / "docs" / "ledger_mutations.md"
PARTS = ("chain", "tree", "checkpoint")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector said: whether anything, and the first bad entry where it names one."""

    found: bool
    seq: int | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a mutation. `expected` is the entry that has to be named; `parts` are the three that look alone."""

    name: str
    detector: str
    expected: int | None
    finding: Finding
    parts: Mapping[str, Finding]

    @property
    def detected(self) -> bool:
        """Whether it was found, and the right entry named."""
        return self.finding.found and self.finding.seq == self.expected

    @property
    def row(self) -> tuple[str, ...]:
        """For the table: everything but the first column is compared with the committed document."""
        by = self.detector if self.finding.found else "nothing"
        return (self.name, by, *(("yes" if self.parts[part].found else "no") for part in PARTS))


@click.command()
@click.option("--write", is_flag=True, help=f"Write {DOCUMENT.relative_to(DOCUMENT.parents[1])} again.")
def main(write: bool) -> None:
    """Run every mutation and print what found it; exit code 1 when one was missed."""
    with _server() as (url, folder):
        scene = Scene(url, folder)
        scene.build()
        outcomes, limits, not_held = (run(scene, each) for each in (MUTATIONS, LIMITS, NOT_HELD))
        scene.remove()
    text = document(scene, outcomes, limits, not_held)
    click.echo(text)
    if write:
        DOCUMENT.write_text(text, encoding="utf-8")
    missed = [f"{o.name}: expected entry {o.expected}, {o.finding}" for o in outcomes if not o.detected]
    if missed:
        raise click.ClickException("not detected:\n" + "\n".join(missed))


@contextmanager
def _server() -> Iterator[tuple[str, Path]]:
    with scratch_folder() as folder:
        server = EmbeddedPostgres(folder)
        try:
            yield server.start(), folder
        finally:
            server.stop()


def run(scene: Scene, mutations: Iterable[Mutation]) -> list[Outcome]:
    """Each on a copy of its own."""
    return [outcome_of(scene, mutation) for mutation in mutations]


def outcome_of(scene: Scene, mutation: Mutation) -> Outcome:
    """Apply it in one transaction, then let everybody look."""
    with scene.case(mutation.backup) as case:
        vkey = checkpoints.verifier_of(case.archive.keyring, A)  # as an auditor was given it before
        expected = mutation.apply(case)
        case.owner.commit()
        parts = alone(case.archive, vkey)
        finding = DETECTORS[mutation.detector](case, case.archive, case.written)
        if mutation.both and finding.found:
            finding = _and(finding, DETECTORS[mutation.detector](case, case.other, case.others))
    return Outcome(mutation.name, mutation.detector, expected, finding, parts)


def _and(one: Finding, other: Finding) -> Finding:
    return (
        one
        if other.found and other.seq == one.seq
        else Finding(False, other.seq, "the other organisation was not told")
    )


# ── the designed detectors ───────────────────────────────────────────────────────────────────────────────────────────


def by_verify(case: Case, archive: Archive, written: Sequence[Entry]) -> Finding:
    """`compliance verify`: chain, tree, checkpoints, decisions, and what they rest on."""
    result = verify_all(archive)
    findings = result.as_json()["findings"]
    seqs = [f["seq"] for f in findings if f["seq"]] or _seqs_of(written, result.ledger.unmatched_decisions)
    said = findings[0]["problem"] if findings else "a decision does not match its entry"
    return Finding(not result.verified, min(seqs, default=None), said)


def by_watch(case: Case, archive: Archive, written: Sequence[Entry]) -> Finding:
    """The sensor `ledger_watch`."""
    alarms = watch(archive)
    entries = [int(str(alarm.detail["entry"])) for alarm in alarms if alarm.detail.get("entry")]
    return Finding(bool(alarms), min(entries, default=None), alarms[0].summary if alarms else "")


def by_replay(case: Case, archive: Archive, written: Sequence[Entry]) -> Finding:
    """`compliance replay`, of the decision in question and the one before it."""
    near = [e.subject_id for e in written if e.kind == "decision" and case.target.seq - 2 < e.seq <= case.target.seq]
    different = replay_all(archive, near).different
    said = different[0].differences[0].field if different else ""
    return Finding(bool(different), min(_seqs_of(written, [r.response_id for r in different]), default=None), said)


DETECTORS: dict[str, Callable[[Case, Archive, Sequence[Entry]], Finding]] = {
    "verify": by_verify,
    "watch": by_watch,
    "replay": by_replay,
}


def _seqs_of(written: Sequence[Entry], subjects: Iterable[str]) -> list[int]:
    known = {entry.subject_id: entry.seq for entry in reversed(written)}
    return [known[subject] for subject in subjects if subject in known]


# ── three parts alone ────────────────────────────────────────────────────────────────────────────────────────────────


def alone(archive: Archive, vkey: Verifier) -> dict[str, Finding]:
    """What each part notices that knows nothing of the others."""
    published = archive.checkpoint_log.notes(archive.postgres.organization_id)
    with archive.postgres.connect() as conn:
        entries, head = list(ledger.entries(conn)), ledger.head(conn)
        subtrees = list(ledger.stored_subtrees(conn))
        amendments = _amendments(conn)
    leaves = [_leaf(entry, amendments) for entry in entries]
    found = {
        "chain": chain_alone(entries, head, archive.keyring, amendments),
        "tree": tree_alone(leaves, subtrees),
        "checkpoint": checkpoint_alone(leaves, published, vkey),
    }
    return {part: Finding(seq is not None, seq or None) for part, seq in found.items()}


def chain_alone(
    entries: Sequence[Entry], head: Head, keyring: Keyring, amendments: Mapping[int, Amendment]
) -> int | None:
    """The HMAC walk and the head: no tree, no checkpoints. Whoever has the key."""
    keys = {key_id: keyring.chain_key(A, key_id) for key_id in keyring.key_ids}
    walk = Walk(keys.__getitem__, amendments=amendments)
    return next((finding.seq for finding in [*walk.over(entries), *walk.end(head)]), None)


def tree_alone(leaves: Sequence[bytes], subtrees: Iterable[tuple[int, int, bytes, bytes | None]]) -> int | None:
    """The entries' leaves against the stored subtrees of 256: no key, nothing of what is not stored yet."""
    for _, position, root, stored in sorted(subtrees):
        own, kept, first = leaves[position * GROUP : (position + 1) * GROUP], split(stored or b""), position * GROUP + 1
        if own != kept:
            pairs = enumerate(zip(own, kept, strict=False))
            return first + next((at for at, (is_, was) in pairs if is_ != was), len(own))
        if merkle.root_of(own) != root:
            return first
    return None


def checkpoint_alone(leaves: Sequence[bytes], published: Iterable[str], vkey: Verifier) -> int | None:
    """What was signed and published against the entries: no key but the public one, nothing stored in the database."""
    agreed = 0
    for text in published:
        try:
            signed, _ = checkpoints.opened_by_any(text, [vkey])
        except IntegrityError:
            return 0
        if signed.size > len(leaves):
            return len(leaves) + 1
        if merkle.root_of(leaves[: signed.size]) != signed.root:
            return agreed + 1
        agreed = signed.size
    return None


def _leaf(entry: Entry, amendments: Mapping[int, Amendment]) -> bytes:
    """The leaf of the row as it stands, its digests made again from its body and its sealed content."""
    sealed = None if entry.sealed is None else hashlib.sha256(entry.sealed).hexdigest()
    body = hashlib.sha256(entry.body.encode()).hexdigest()
    try:
        return placed_leaf(entry._replace(body_sha256=body, content_sha256=sealed), amendments)
    except ValueError:
        return NO_LEAF


def _amendments(conn: Connection) -> dict[int, Amendment]:
    """None where one of them cannot be read: then no rewrite is documented."""
    try:
        return {seq: a for seq, a in ledger.amendments(conn).items() if bytes.fromhex(a.was)}
    except (KeyError, TypeError, ValueError):
        return {}


# ── the document ─────────────────────────────────────────────────────────────────────────────────────────────────────

COLUMNS = ("mutation", "found by", "first bad entry", "chain alone", "tree alone", "checkpoint alone")
HEADING = """\
# What is found when somebody tampers with the ledger

Written by `python -m evals.ledger_mutations --write`; a test holds it against a fresh run. n = {n} mutations, each by a
superuser with triggers and foreign keys off, on a copy of a ledger of {entries:,} entries of two organisations, {own:,} of
them in the ledger that is changed: {decided:,} decisions with their documents, chunks, vectors and raw objects, an erasure, a
hold, oversight, an incident, a documented rewrite, and {checkpoints} signed and published checkpoints, the last over {signed:,}
entries.

`found by` is `compliance verify`, or where that is not what is designed for it, the sensor that watches the ledger (`watch`)
or a replay of the decision (`replay`). `first bad entry` is the first that is named; it is the right one in every row, and none
where no single entry is bad. For a fork it is the first behind the newest checkpoint that still agrees.

The three columns on the right say what each part of the proof notices alone:

- **chain**: the HMAC walk and the head, by whoever has the key; no tree, no checkpoint;
- **tree**: the leaves made of the entries' rows against the stored subtrees of {group}; no key, nothing of what is not stored yet;
- **checkpoint**: the published checkpoints, under the public key, against the roots made of the entries' rows; nothing secret,
  nothing that is stored in the database.
"""


def document(scene: Scene, outcomes: Sequence[Outcome], limits: Sequence[Outcome], not_held: Sequence[Outcome]) -> str:
    """The results in Markdown."""
    parts = [
        HEADING.format(
            n=len(outcomes), entries=scene.size, own=len(scene.written), decided=sum(SIGNED_PARTS) + UNSIGNED,
            checkpoints=len(SIGNED_PARTS), signed=len(scene.written) - UNSIGNED, group=GROUP,
        ),
        _table(outcomes),
        "## What each part alone would have missed\n",
        *(_missed(part, outcomes) for part in PARTS),
        "## What nothing here notices\n",
        "What was written since the last published checkpoint is in nobody else's hands yet, and who holds every key and every"
        " place\nwhere checkpoints are published holds all that there is to compare with. The first window is as long as the time"
        " between\ncheckpoints; against the second stand checkpoints that others keep, and the replica in a store that its owner"
        " cannot change.\n",
        _table(limits),
        "Nor is anything noticed in these tables beside the ledger. What they say stands in entries too, except whom a document"
        " states\nand whose a subject key is; nobody compares. An erasure trusts the last four, and the second row from the top"
        " is shown with\na decision.\n",
        _table(not_held),
    ]  # fmt: skip
    return "\n".join(parts)


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for outcome in outcomes:
        name, by, *yes = outcome.row
        seq = outcome.finding.seq if outcome.finding.found else None
        rows.append((name, by, "—" if seq is None else f"{seq:,}", *yes))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _missed(part: str, outcomes: Sequence[Outcome]) -> str:
    names = [outcome.name for outcome in outcomes if not outcome.parts[part].found]
    return f"The {part}, {len(names)} of {len(outcomes)}:\n\n" + "".join(f"- {name}\n" for name in names)


def read_rows(text: str) -> set[tuple[str, ...]]:
    """The rows of a document without the entries' numbers."""
    cells = [tuple(line.strip("| ").split(" | ")) for line in text.splitlines() if line.startswith("| ")]
    return {(*row[:2], *row[3:]) for row in cells if row != COLUMNS and row[0] != "---"}


if __name__ == "__main__":
    main()
