"""What is seen of releases on a terminal. Draws results; computes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_SHORT = 12  # characters of an id


def show_releases(rows: Sequence[Mapping[str, Any]]) -> None:
    """One line a release, the one in production first."""
    table = Table(title="Releases", title_justify="left")
    for column in ("release", "state", "soak", "approved by"):
        table.add_column(column)
    for row in rows:
        table.add_row(row["release_id"][:_SHORT], row["state"], row["soak"] or "", escape(", ".join(row["approvers"])))
    Console().print(table)


def show_release(found: Mapping[str, Any]) -> None:
    """All of one release."""
    console, receipt = Console(), found["receipt"]
    facts = {
        "release": found["release_id"],
        "state": found["state"],
        "changes": ", ".join(found["changed_files"]) or "no file of the release in production",
        "receipt": _receipt(receipt),
        "soak": found["soak"] or "not staged",
        "authors": ", ".join(found["authors"]) or "not named yet",
        "approved by": ", ".join(found["approvers"]) or "nobody",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(f"[bold]{name}[/]", escape(str(value)))
    console.print(table, highlight=False)
    against = (receipt or {}).get("against", ())
    _table("What the gate found", ("score", "group", "value", "bound", "cases"), against)
    _table("Moves", ("kind", "at", "actor", "entry"), found["moves"])
    _table("Refused", ("step", "why", "actor", "at", "entry"), found["refusals"])


def show_move(found: Mapping[str, Any]) -> None:
    """What serves now."""
    console = Console()
    words = "Rolled back to" if found["kind"] == "release_rolled_back" else "Promoted:"
    before = (found["instead_of"] or "none")[:_SHORT]
    console.print(
        f"{words} {found['release_id'][:_SHORT]}, instead of {before}; entry {found['entry']}.", highlight=False
    )
    for name, pinned in found["must_run"].items():
        console.print(
            f"[yellow]{name} {escape(pinned)} has to run for it; nothing is decided before.[/]", highlight=False
        )
    if found["not_mirrored"]:
        console.print(f"[yellow]MLflow does not show it yet: {escape(found['not_mirrored'])}[/]", highlight=False)


def _receipt(receipt: Mapping[str, Any] | None) -> str:
    if receipt is None:
        return "none: not evaluated"
    if not receipt["holds"]:
        return f"{receipt['digest'][:_SHORT]} does not hold: {receipt['why']}"
    words = "passed" if receipt["passed"] else "blocked"
    return f"{receipt['digest'][:_SHORT]}, {words}, valid until {str(receipt['expires_at'])[:16]}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(escape(_cell(row[column])) for column in columns))
    Console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
