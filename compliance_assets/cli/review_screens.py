"""What a reviewer sees on a terminal: cases, a case with its answer, the outbox. Draws results; computes nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from compliance_assets.terminal import MAX_ROWS


def show_cases(found: Sequence[Mapping[str, Any]]) -> None:
    """What waits, the quarantined first."""
    rows = [
        [
            row["response_id"],
            row["queue"] if row["state"] == "open" else f"{row['queue']}: {row['state']}",
            str(row["year"]),
            row["workload"],
            row["reason"],
            str(row["opened_at"])[:16],
        ]
        for row in found
    ]
    _table("Cases", ("response_id", "queue", "year", "workload", "reason", "opened"), rows)


def show_case(found: Mapping[str, Any]) -> None:
    """The whole case: why it is here, what was asked, the answer with its quotes, who signed."""
    console, case = Console(), found["case"]
    facts = {
        "case": f"{case['queue']}, {case['state']}, opened {str(case['opened_at'])[:19]}",
        "signatures": f"{len(case['signatures'])} of {case['signatures_needed']}",
        "reason": found["why"] or case["reason"],
        "workload": f"{case['workload']}, {case['year']}",
        "prompt": " ".join(str(found["prompt_template"].get(name, "")) for name in ("name", "version", "sha256")),
        "release": found["release_id"],
        "asked": json.dumps(found["asked"], ensure_ascii=False) if found["asked"] else "erased",
        "confidence": json.dumps(found["confidence"]) if found["confidence"] else "none",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        table.add_row(f"[bold]{name}[/]", escape(str(value)))
    console.print(table, highlight=False)
    if found["erased"]:
        console.print("[yellow]What was asked and answered was erased.[/]", highlight=False)
    elif found["envelope"]:
        _show_envelope(console, found["envelope"])
    if found["model_response"]:
        console.print(Panel(Text(str(found["model_response"])), title="the model's words", title_align="left"))
    hits = [
        [str(hit["rank"]), hit["doc_title"], str(hit["page"]), str(hit["char_range"]), f"{hit['score']:.3f}"]
        for hit in found["hits"]
    ]
    _table("Retrieved", ("rank", "document", "page", "characters", "score"), hits)
    for signature in case["signatures"]:
        said = f"{signature['verdict']} by {signature['reviewer']}, {str(signature['signed_at'])[:19]}"
        decision = f": {signature['decision']}" if signature["decision"] else ""
        console.print(escape(f"{said}{decision}. {signature['rationale'] or ''}"), highlight=False)


def show_notifications(found: Sequence[Mapping[str, Any]]) -> None:
    """The outbox, the newest last."""
    rows = [
        [
            row["notification_id"],
            row["kind"],
            row["target"],
            f"{row['state']}: {row['last_error']}" if row["last_error"] else row["state"],
        ]
        for row in found
    ]
    _table("Notifications", ("notification_id", "event", "target", "state"), rows[-MAX_ROWS:], total=len(rows))


def _show_envelope(console: Console, envelope: Mapping[str, Any]) -> None:
    titles = {chunk["doc_id"]: chunk["doc_title"] for chunk in envelope["retrieved_chunks"]}
    lines = [segment["text"] for segment in envelope["response_segments"]]
    for place, citation in enumerate(envelope["citations"]):
        where = f"{titles.get(citation['doc_id'], citation['doc_id'])}, page {citation['page']}"
        lines.append(f"\n[{place}] “{citation['quote'].strip()}”\n    {where}, characters {citation['char_range']}")
    lines += [f"{f['name']} = {f['value']}  [{f['citation']}]" for f in envelope.get("fields", ())]
    lines += [f"{a['kind']}: {a['explanation']}  {a['citations']}" for a in envelope.get("anomalies", ())]
    title = f"{envelope['response_id']}  {envelope['decision']}  confidence {envelope['confidence']:.2f}"
    console.print(Panel(Text("\n".join(lines) or "no answer"), title=escape(title), title_align="left"))


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], total: int | None = None) -> None:
    count = len(rows) if total is None else total
    table = Table(title=f"{title} ({count:,})", title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=place == 0)  # what is copied from here stays whole
    for row in rows[:MAX_ROWS]:
        table.add_row(*map(escape, row))
    Console().print(table, highlight=False)
    if count > MAX_ROWS:
        Console().print(f"… and {count - MAX_ROWS:,} more; --json shows all.")
