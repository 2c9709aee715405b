"""The page that a person reads: the decision, what it rests on, its proof in words. One file, no script, nothing from outside."""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

_STYLE = Path(__file__).with_name("report.css")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNTOLD = frozenset({"seq", "entry_hash", "sealed_under"})  # which decision it is about, and how it was sealed
_OUTCOMES = {"decided": "Decided", "review": "Waits for a person"}


@dataclass(frozen=True, slots=True)
class Figure:
    """An image in the dossier."""

    file: str
    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class CitedPageFigures:
    """The images of a cited page. `citations` are the numbers of the citations on it."""

    doc_id: str
    title: str
    page: int
    citations: tuple[int, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What the proof consists of."""

    leaf_hash: str
    hashes: int
    tree_size: int
    root: str
    vkey: str


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows: the dossier's own files as objects, and the images."""

    entry: dict[str, Any]
    body: dict[str, Any]
    content: dict[str, Any]
    versions: dict[str, Any]
    later: list[dict[str, Any]]
    proof: Proof
    pages: tuple[CitedPageFigures, ...]

    @property
    def envelope(self) -> dict[str, Any]:
        """The response."""
        envelope: dict[str, Any] = self.content["response_envelope"]
        return envelope

    @property
    def numbered_citations(self) -> list[tuple[int, str, dict[str, Any]]]:
        """(number, chunk, citation) of each citation."""
        chunks = self.content["lineage"]["cited_chunks"]
        return [(n, chunk, c) for n, (chunk, c) in enumerate(zip(chunks, self.envelope["citations"], strict=True), 1)]


def report_html(report: Report) -> str:
    """The page."""
    parts = (_top, _question, _answer, _citations, _pages, _retrieved, _afterwards, _made_with, _proof)
    title = f"Dossier {report.envelope['response_id']}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part(report) for part in parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _top(report: Report) -> str:
    envelope, outcome = report.envelope, str(report.content["outcome"])
    rows = [
        ("Recorded", _moment(report.entry["occurred_at"])),
        ("Organisation", _id(report.entry["organization_id"])),
        ("Workload", escape(envelope["workload"])),
        ("Model", escape(envelope["model"])),
        ("Confidence", f"{envelope['confidence']:.2f}"),
        ("Ledger entry", f"{report.entry['seq']:,} of {report.proof.tree_size:,}"),
    ]
    if report.content["reason"]:
        rows.insert(1, ("Reason", escape(report.content["reason"])))
    return (
        f'<header class="top">\n<h1>Dossier of a decision</h1>\n<p class="id">{escape(envelope["response_id"])}</p>\n'
        f'<span class="badge {escape(outcome)}">{escape(_OUTCOMES.get(outcome, outcome))}: {escape(envelope["decision"])}</span>\n'
        f"{_facts(rows)}\n</header>"
    )


def _question(report: Report) -> str:
    asked = report.content["input"]
    rows = [("Year", str(asked["year"]))]
    if asked.get("filer_category"):
        rows.append(("Filer category", escape(asked["filer_category"])))
    if asked.get("opt_in_years"):
        rows.append(("Years opted in", ", ".join(map(str, asked["opt_in_years"]))))
    return _section("Question", f'<p class="question">{escape(asked["question"])}</p>\n{_facts(rows)}')


def _answer(report: Report) -> str:
    segments = report.envelope["response_segments"]
    if not segments:
        return _section("Answer", "<p>No answer is supported by the documents; the question waits for a person.</p>")
    numbers: dict[str, list[int]] = {}
    for number, chunk, _ in report.numbered_citations:
        numbers.setdefault(chunk, []).append(number)
    paragraphs = []
    for segment in segments:
        cited = sorted({n for chunk in segment["cited_chunk_ids"] for n in numbers.get(chunk, ())})
        links = "".join(f'<sup><a href="#citation-{n}">[{n}]</a></sup>' for n in cited)
        paragraphs.append(f'<p class="answer">{escape(segment["text"])}{links}</p>')
    return _section("Answer", "\n".join(paragraphs))


def _citations(report: Report) -> str:
    titles = {hit["doc_id"]: hit["doc_title"] for hit in report.content["hits"]}
    blocks = []
    for number, chunk, citation in report.numbered_citations:
        start, end = citation["char_range"]
        anchor = f"page-{citation['doc_id']}-{citation['page']}"
        blocks.append(
            f'<div class="citation" id="citation-{number}">\n<blockquote>{escape(citation["quote"])}</blockquote>\n'
            f'<div class="quiet">[{number}] {escape(titles.get(citation["doc_id"], citation["doc_id"]))}, '
            f'<a href="#{escape(anchor)}">page {citation["page"]}</a>, characters [{start}, {end}) of '
            f'<a href="sources/{escape(citation["doc_id"])}.txt">its text</a>; passage {_id(chunk)}</div>\n</div>'
        )
    return _section("Citations", "\n".join(blocks) or '<p class="quiet">Nothing is cited.</p>')


def _pages(report: Report) -> str:
    blocks = []
    for page in report.pages:
        links = ", ".join(f'<a href="#citation-{n}">[{n}]</a>' for n in page.citations)
        figures = "\n".join(_figure(figure) for figure in page.figures)
        heading = f"{escape(page.title)}, page {page.page}"
        blocks.append(
            f'<h3 id="page-{escape(page.doc_id)}-{page.page}">{heading} <span class="quiet">{links}</span></h3>\n{figures}'
        )
    return _section("Cited pages", "\n".join(blocks)) if blocks else ""


def _figure(figure: Figure) -> str:
    data = base64.b64encode(figure.png).decode()
    return (
        f'<figure><a href="{escape(figure.file)}"><img alt="{escape(figure.caption)}" src="data:image/png;base64,{data}"></a>\n'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _retrieved(report: Report) -> str:
    cited = set(report.content["lineage"]["cited_chunks"])
    rows = [
        (
            str(hit["rank"]),
            escape(hit["doc_title"]),
            str(hit["page"]),
            f"[{hit['char_range'][0]}, {hit['char_range'][1]})",
            f"{hit['embedding_score']:.4f}",
            "" if hit["lexical_score"] is None else f"{hit['lexical_score']:.2f}",
            "cited" if hit["chunk_id"] in cited else "",
        )
        for hit in report.content["hits"]
    ]
    columns = ("Rank", "Document", "Page", "Characters", "Similarity", "Words (BM25)", "")
    table = _table(columns, rows, numbers=(0, 2, 4, 5))
    return _section("What was retrieved", table if rows else '<p class="quiet">No document was in scope.</p>')


def _afterwards(report: Report) -> str:
    rows = [
        (
            str(later["entry"]["seq"]),
            f'<span class="whole">{_moment(later["entry"]["occurred_at"])}</span>',
            f'<span class="whole">{escape(later["entry"]["kind"])}</span>',
            escape(later["entry"]["actor"]),
            _said(later),
        )
        for later in report.later
    ]
    nothing = (
        '<p class="quiet">No approval, review or amendment of this decision is on record up to this checkpoint.</p>'
    )
    table = _table(("Entry", "When", "What", "By", "Says"), rows, numbers=(0,))
    return _section("Approvals and later entries", table if rows else nothing)


def _said(later: dict[str, Any]) -> str:
    """An entry's body and opened content, as names and values."""
    said = {**json.loads(later["entry"]["body"]), **(json.loads(later["content"]) if later["content"] else {})}
    told = [f"{escape(name)}: {_value(value)}" for name, value in said.items() if name not in _UNTOLD]
    return "<br>".join(told) or "–"


def _made_with(report: Report) -> str:
    versions = report.versions
    rows = [
        ("Model", escape(versions["model"])),
        (
            "Prompt",
            f"{escape(versions['prompt_template']['name'])} version {escape(versions['prompt_template']['version'])}",
        ),
        ("Release", _id(versions["release_id"])),
    ]
    rows += [(name.replace("_", " ").capitalize(), _value(value)) for name, value in versions["release"].items()]
    for index in versions["indexes"]:
        counts = (
            f"{index['document_count']:,} documents, {index['chunk_count']:,} passages, {escape(index['embedder'])}"
        )
        rows.append((f"Index of {index['year']}", f"{_id(index['index_version'])}<br>{counts}"))
    for document in versions["documents"]:
        read = " ".join(filter(None, (document["normaliser"], document["normaliser_version"], document["ocr_engine"])))
        rows.append(
            (
                escape(document["title"]),
                f"read by {escape(read) or 'an unknown reader'}, file {_id(document['object_sha256'])}",
            )
        )
    return _section("Made with", _facts(rows))


def _proof(report: Report) -> str:
    entry, proof = report.entry, report.proof
    steps = (
        f"The decision is entry {entry['seq']:,} of the ledger. Its header holds the digest of its clear part and, with a random "
        "salt, a commitment to its sealed part: question, passages, prompt, answer and citations.",
        f"Header and keyed hash make the leaf {_id(proof.leaf_hash)}, number {entry['seq'] - 1:,} of a Merkle tree.",
        f"The {proof.hashes} hashes of <code>proof.json</code> lead from the leaf to the root {_id(proof.root)}, over all "
        f"{proof.tree_size:,} entries. One changed character of this decision, or of any other entry, gives another root.",
        f"<code>checkpoint.txt</code> states size and root and is signed (Ed25519) by the key {_id(proof.vkey)}. Compare the "
        "key with the one that the organisation has published: it is all that has to be trusted.",
        "The texts in <code>sources/</code> have the digests that the entry commits to, and each quote stands in them at the "
        "characters that are cited.",
    )
    return _section(
        "The proof",
        f'<ol class="steps">\n{"".join(f"<li>{step}</li>" for step in steps)}\n</ol>\n'
        "<p>Check it yourself, without network or database, with any Python from 3.8 on:</p>\n"
        "<pre>python3 -I -S verify.py --key 'THE PUBLISHED KEY'</pre>\n"
        '<p class="quiet">This page and the images are made from the checked files for reading. They are listed in SHA256SUMS but '
        "not signed themselves; what counts is what verify.py checks. That no later entry was left out, and the chain of keyed "
        "hashes, can only be checked in the ledger itself.</p>",
    )


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _section(title: str, inner: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{inner}\n</section>"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return "<dl>\n" + "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "\n</dl>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        shown = (f"<{tag}{' class=number' if n in numbers else ''}>{cell}</{tag}>" for n, cell in enumerate(cells))
        return f"<tr>{''.join(shown)}</tr>"

    return f"<table>\n{row(head, 'th')}\n" + "\n".join(row(cells, "td") for cells in rows) + "\n</table>"


def _id(text: str) -> str:
    return f'<span class="id">{escape(text)}</span>'


def _moment(text: str) -> str:
    """RFC 3339 in UTC, to the second."""
    return escape(text.replace("T", " ")[:19] + " UTC")


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return _id(value)
    return escape(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
