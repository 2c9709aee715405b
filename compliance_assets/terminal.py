"""What a person sees on a terminal. Draws results; computes nothing."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.contracts.hit import Hit

MAX_ROWS = 25


def say(text: str) -> Callable[[], None]:
    """A screen of one line."""
    return lambda: Console().print(text, highlight=False, markup=False, soft_wrap=True)


def show_error(error: ComplianceError) -> None:
    """What went wrong, what was expected, what was found, what to do: on standard error."""
    console = Console(stderr=True)
    console.print(error.problem, style="bold red", highlight=False, markup=False)
    for name in ("expected", "found", "remedy"):
        console.print(f"  {name:<9}", end="", highlight=False)
        console.print(getattr(error, name), highlight=False, markup=False, soft_wrap=True)


def show_status(found: Mapping[str, Any]) -> None:
    """Counts of every room."""
    rows = {
        "sources": ", ".join(found["sources"]) or "none",
        "documents": _counts(found["documents"]),
        "indexes": f"{len(found['indexes'])} years, {sum(i['chunks'] for i in found['indexes']):,} chunks",
        "work": _counts(found["work"]),
        "ledger": f"{found['ledger']['entries']:,} entries, head {(found['ledger']['head'] or 'none')[:16]}",
        "checkpoint": _checkpoint(found["checkpoint"]),
        "verification": _verification(found["verification"]),
    }
    _facts(rows)


def _checkpoint(found: Mapping[str, Any] | None) -> str:
    return f"{found['tree_size']:,} entries, {str(found['signed_at'])[:19]}" if found else "none"


def _verification(found: Mapping[str, Any] | None) -> str:
    if not found:
        return "never"
    state = "verified" if found["verified"] else f"{found['findings']} FINDINGS"
    return f"{state}, {found['tree_size']:,} entries, {str(found['verified_at'])[:19]}, {found['seconds']:.2f} s"


def show_corpus(report: Mapping[str, Any]) -> None:
    """What came in, what was refused and why."""
    read, encoded, seconds = report["documents_read"], report["chunks_encoded"], report["seconds"]
    _facts(
        {
            "documents": f"{_counts(report['documents'])}, of {report['files']:,} files and what is attached to them",
            "pages": f"{report['pages']:,}",
            "done now": f"{read:,} documents read, {encoded:,} chunks encoded, {len(report['years'])} years indexed",
            "time": f"{seconds:.1f} s",
            "checks": "all passed" if report["checks_passed"] else "FAILED: " + ", ".join(report["failed_checks"]),
        }
    )
    for source in report["unreachable_sources"]:
        Console().print(f"[yellow]not reachable, left as it was:[/] {source}", highlight=False)
    if report["formats"]:
        columns = ("format", "ok", "needs_human", "rejected")
        _table("Documents by format", columns, [tuple(str(row[name]) for name in columns) for row in report["formats"]])
    if report["not_ok"]:
        _table(
            "Not taken up",
            ("path", "state", "reason"),
            [(row["path"], row["state"], row["reason"]) for row in report["not_ok"]],
        )
    if any(row["reason"] == "year_unknown" for row in report["not_ok"]):
        Console().print("A year is given by a row of manifest.jsonl or by COMPLIANCE_PATH_PATTERN.", highlight=False)


def show_hits(found: Sequence[tuple[Hit, str]]) -> None:
    """Hits, best first, with the beginning of their text."""
    if not found:
        Console().print("Nothing found in this scope. `compliance status` shows the years that have an index.")
        return
    rows = [(str(h.rank), f"{h.score:.4f}", h.doc_title, str(h.page), " ".join(text.split())[:90]) for h, text in found]
    _table("Hits", ("rank", "score", "document", "page", "text"), rows)


def show_decisions(envelopes: Sequence[Mapping[str, Any]]) -> None:
    """Each decision with its cited quotes."""
    console = Console()
    for e in envelopes:
        lines = [f"confidence {e['confidence']:.2f}   {e['model']}"]
        titles = {c["doc_id"]: c["doc_title"] for c in e["retrieved_chunks"]}
        for c in e["citations"]:
            lines.append(
                f"\n“{c['quote'].strip()}”\n   {titles[c['doc_id']]}, page {c['page']}, characters {c['char_range']}"
            )
        if not e["citations"]:
            lines.append("No answer is supported by the documents; it waits for a person.")
        console.print(
            Panel(
                "\n".join(lines).replace("[", "\\["), title=f"{e['response_id']}  {e['decision']}", title_align="left"
            )
        )


def show_ddq(report: Mapping[str, Any]) -> None:
    """What became of a questionnaire, and why questions of it wait."""
    _facts(
        {
            "questionnaire": f"{report['batch']}, {report['questions']:,} questions, {report['decided_now']:,} decided now",
            "questions": _counts(report["statuses"]),
            "reasons": _counts(report["reasons"]) if report["reasons"] else "none",
            "time": f"{report['seconds']:.1f} s",
        }
    )
    say(f"Answers: {report['answers']}")()  # whole, to be copied


def show_lineage(steps: Mapping[str, Any]) -> None:
    """The way of a decision, raw objects first, ledger entry last."""
    console = Console()
    _table(
        "Raw objects",
        ("sha256", "path", "pulled at"),
        [(o["object_sha256"][:16], o["path"], str(o["pulled_at"])[:19]) for o in steps["raw_objects"]],
    )
    _table(
        "Documents",
        ("document", "title", "year", "read by"),
        [
            (d["doc_id"][:16], d["title"], str(d["document_year"]), f"{d['normaliser']}/{d['normaliser_version']}")
            for d in steps["documents"]
        ],
    )
    cited = {c["chunk_id"] for c in steps["cited"]}
    _table(
        "Chunks",
        ("rank", "chunk", "page", "characters", "cited"),
        [
            (
                str(c["position"]),
                c["chunk_id"][:16],
                str(c["page"]),
                str(c["char_range"]),
                "yes" if c["chunk_id"] in cited else "",
            )
            for c in steps["retrieved"]
        ],
    )
    for cited_span in steps["cited"]:
        console.print(
            f"cited: {cited_span['doc_id'][:16]} page {cited_span['page']} characters {cited_span['char_range']}",
            highlight=False,
        )
    decision, entry = steps["decision"], steps["ledger_entry"]
    if steps["erased"]:
        console.print(f"[yellow]erased:[/] {steps['erased']}", highlight=False)
    _facts(
        {
            "index": ", ".join(i["index_version"] for i in steps["index_versions"]) or "none",
            "release": steps["release"]["release_id"],
            "decision": f"{decision['outcome']} at {decision['decided_at']}",
            "reason": decision["reason"] or "none",
            "ledger": f"entry {entry['seq']}, hash {entry['entry_hash']}" if entry else "MISSING",
        }
    )


def show_touched(touched: Mapping[str, Any]) -> None:
    """A document, and the decisions that it touched."""
    _table(
        "Documents",
        ("document", "title", "year", "path"),
        [(d["doc_id"], d["title"], str(d["document_year"]), d["path"]) for d in touched["documents"]],
    )
    columns = ("year", "decisions", "cited")
    _table(
        f"{touched['decisions']:,} decisions by year",
        columns,
        [tuple(f"{row[name]}" for name in columns) for row in touched["by_year"]],
    )
    _table(
        "The latest",
        ("decision", "decided at", "outcome", "hits", "citations"),
        [
            (row["response_id"], str(row["decided_at"])[:19], row["outcome"], str(row["retrieved"]), str(row["cited"]))
            for row in touched["latest"]
        ],
    )


def show_verification(result: Mapping[str, Any]) -> None:
    """Verified, or what does not hold, the first bad entry on top."""
    state = "[green]verified[/]" if result["verified"] else "[bold red]NOT VERIFIED[/]"
    since = f" behind the checkpoint of {result['since']:,}" if result["since"] else ""
    Console().print(
        f"{state}: {result['entries']:,} entries{since}, head {result['head'][:16]}, "
        f"{result['checkpoints']:,} checkpoints, {result['seconds']} s",
        highlight=False,
    )
    if "contents" in result:
        Console().print(
            f"evidence: {result['contents']:,} sealed contents and all they rest on, {result['erased']:,} erased, "
            f"{result['evidence_seconds']} s",
            highlight=False,
        )
    if result["amended"]:
        Console().print(f"rewritten and documented: entries {', '.join(map(str, result['amended']))}", highlight=False)
    if result["findings"]:
        _table(
            "Findings",
            ("entry", "problem", "expected", "found"),
            [(str(f["seq"] or ""), f["problem"], f["expected"][:24], f["found"][:24]) for f in result["findings"]],
        )
    if result["unmatched_decisions"]:
        Console().print(f"Decisions that do not match the ledger: {', '.join(result['unmatched_decisions'])}")


def show_bundle(result: Mapping[str, Any]) -> None:
    """A dossier's checks, one a line."""
    for check in result["checks"]:
        mark = "[green]ok[/]   " if check["holds"] else "[bold red]FALSE[/]"
        detail = f": {check['detail']}" if check["detail"] else ""
        Console().print(f"{mark} {_plain(check['name'] + detail)}", highlight=False, soft_wrap=True)
    for note in result["notes"]:
        Console().print(f"note  {_plain(note)}", highlight=False, soft_wrap=True)
    Console().print(_plain(result["conclusion"]), highlight=False)


def show_proof(found: Mapping[str, Any]) -> None:
    """An inclusion proof with its checkpoint, every value whole: they are copied from here."""
    rows = {
        "decision": f"{found['response_id']}, entry {found['seq']:,}",
        "leaf": f"{found['leaf_index']:,} of a tree of {found['tree_size']:,}, {found['leaf_hash']}",
        "root": found["root"],
        "public key": found["public_key"],
    }
    lines = [f"{name:<12}{value}" for name, value in rows.items()]
    for line in (*lines, *(f"  {line}" for line in found["hashes"]), "", found["checkpoint"].rstrip()):
        say(line)()


def show_replays(done: Mapping[str, Any]) -> None:
    """Byte-equal, or where not."""
    state = "[green]equal[/]" if done["equal"] else "[bold red]DIFFERENT[/]"
    Console().print(
        f"{state}: {done['replayed']:,} decisions derived again from the record"
        + (f", {done['erased']:,} erased" if done["erased"] else "")
        + (
            f", {done['of_older_releases']:,} left to the releases that recorded them"
            if done["of_older_releases"]
            else ""
        ),
        highlight=False,
    )
    for replay in done["different"]:
        rows = [(d["field"], d["recorded"], d["replayed"]) for d in replay["differences"]]
        _table(replay["response_id"], ("field", "recorded", "replayed"), rows)


def show_requery(rate: Mapping[str, Any]) -> None:
    """How often another answer came. A rate, no proof."""
    _facts(
        {
            "asked again": f"{rate['model']}, n = {rate['times']}",
            "same decision": f"{rate['same_decision']:.0%}",
            "same citations": f"{rate['same_citations']:.0%}",
            "same answer": f"{rate['same_answer']:.0%}",
            "decisions": _counts(rate["decisions"]),
        }
    )


def show_dossier(written: Mapping[str, Any]) -> None:
    """Where it is and how to check it."""
    Console().print(
        f"{written['path']}: {len(written['files'])} files, proof in the tree of {written['tree_size']:,} entries",
        highlight=False,
        soft_wrap=True,
    )
    Console().print("Unpack it anywhere and run: python3 -I -S verify.py --key VKEY", highlight=False)


def show_erasure(done: Mapping[str, Any]) -> None:
    """What was erased, and what a person still has to delete."""
    counts = ", ".join(f"{done[name]:,} {name}" for name in ("keys", "entries", "decisions", "documents", "objects"))
    Console().print(f"{'would erase' if done['dry_run'] else 'erased'}: {counts}", highlight=False)
    for path in done["still_at_source"]:
        Console().print(f"[yellow]delete at its source too:[/] {_plain(path)}", highlight=False, soft_wrap=True)


def show_holds(holds: Sequence[Mapping[str, Any]]) -> None:
    """The holds in force."""
    columns = ("hold_id", "order_ref", "placed_by", "placed_at")
    _table("Holds in force", columns, [tuple(str(row[name])[:30] for name in columns) for row in holds])


def show_oversight(found: Mapping[str, Any]) -> None:
    """What was made of an entry, step by step."""
    rows = [
        (c["occurred_at"][:19], c["state"], c["reviewer"], "erased" if c["note"] is None else c["note"])
        for c in found["changes"]
    ]
    _table(f"Oversight of entry {found['seq']}", ("when", "state", "reviewer", "note"), rows)


def show_incidents(found: Sequence[Mapping[str, Any]]) -> None:
    """The register, the newest last."""
    columns = ("incident_id", "severity", "state", "opened_at", "summary")
    _table("Incidents", columns, [tuple(str(row[name]) for name in columns) for row in found[-MAX_ROWS:]])


def show_demo(report: Mapping[str, Any]) -> None:
    """The whole run on one screen."""
    show_corpus(report)
    if report["decisions"]:
        outcomes = Counter(row["decision"] for row in report["decisions"])
        _facts(
            {
                "questions": f"{report['questions']}, {report['decided_now']} of them decided now",
                "decisions": _counts(outcomes),
            }
        )
        _facts({"hits": f"{report['hits']:,}, {report['hits_of_another_year']} of them from another year"})
    _show_outcomes(report["triage"])
    gold = report["gold_pages"]
    if gold["n"]:
        _facts(
            {
                "gold page": f"among the hits {gold['gold_page_retrieved']} of {gold['n']} ({gold['share_retrieved']:.0%}), "
                f"among the cited {gold['gold_page_cited']} of {gold['n']} ({gold['share_cited']:.0%})"
            }
        )
    show_verification(report["ledger"])
    if report["decisions"]:
        first = report["decisions"][0]["response_id"]
        Console().print(f"Next: `compliance lineage {first}` or `make dev`.", highlight=False)


def show_triage(report: Mapping[str, Any]) -> None:
    """What triage made of the filings, those first that wait for a person."""
    filings = sorted(report["filings"], key=lambda row: row["outcome"] == "decided")
    rows = [
        (str(f["year"]), f["path"], f["outcome"], f["reason"] or "", f"{f['confidence']:.2f}", f["response_id"])
        for f in filings
    ]
    _table("Filings", ("year", "path", "outcome", "reason", "confidence", "response"), rows)
    _facts({"decided now": f"{report['decided_now']:,}"})
    _show_outcomes(filings)


def show_routes(found: Mapping[str, Any]) -> None:
    """Which workload is asked of which models, and who answers for that."""
    rows = [
        (workload, route["primary"], ", ".join(route["fallbacks"]), f"{route['temperature']:g}")
        for workload, route in sorted(found["routes"].items())
    ]
    _table("Routes", ("workload", "primary", "fallbacks", "temperature"), rows)
    _facts(
        {
            "digest": found["digest"],
            "approved by": found["approver"] or "nobody: it does not serve",
            "serves": "in the release in production"
            if found["in_production"]
            else "not yet: no release in production has it",
        }
    )


def show_tuned_threshold(found: Mapping[str, Any]) -> None:
    """The threshold that was chosen, and what bounds it."""
    bound = found["bound"]
    said = {"workload": found["workload"], "before": _threshold(found["auto_decide_before"])}
    if bound is None:
        said |= {"now": f"{_threshold(None)}: no threshold bounds the error at {found['target']:.2%}"}
    else:
        said |= {
            "now": _threshold(bound["threshold"]),
            "wrong at most": f"{bound['upper']:.3%} with {bound['confidence_level']:.0%}; target {bound['target']:.2%}",
            "seen": f"{bound['errors']:,} wrong of {bound['n']:,} that reach it, {bound['searched']} thresholds tested",
            "coverage": f"{bound['coverage']:.1%} of {found['cases']:,} cases",
        }
    _facts({**said, "reviewed": f"{found['reviewed']:,} decisions", "candidate": found["candidate"]})


def _threshold(value: float | None) -> str:
    return "a person decides everything" if value is None else f"{value:g}"


def _show_outcomes(filings: Sequence[Mapping[str, Any]]) -> None:
    if filings:
        outcomes = Counter(row["outcome"] for row in filings)
        reasons = Counter(row["reason"] for row in filings if row["reason"])
        _facts({"filings triaged": f"{len(filings):,}: {_counts(outcomes)}", "for a person because": _counts(reasons)})


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _facts(rows: Mapping[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(f"[bold]{name}[/]", value.replace("[", "\\["))
    Console().print(table, highlight=False)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=f"{title} ({len(rows):,})", title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:MAX_ROWS]:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    Console().print(table, highlight=False)
    if len(rows) > MAX_ROWS:
        Console().print(f"… and {len(rows) - MAX_ROWS:,} more; --json shows all.")
