"""`make eval-citations`: how many bad citations get through, and how many true ones are refused.

Bad ones are injected, ten kinds in equal number, half on filings and half on annotated spans (citation_attacks.py). True
ones are every field of the filings and every span of the annotators: quoted as they were marked, and quoted as a model is
told to, with as many words around them as make them stand at one place of their passage. Values that the filings do not
state are put to the fields. The answers whose text does not stand where their source says are taken as they come.
"""

import io
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.model_decisions.answer import AnswerCitation, AnswerField, AnswerSegment, ModelAnswer
from compliance_assets.model_decisions.citations import Resolved, resolve
from compliance_assets.year_index.retrieved import Retrieved
from evals.citation_attacks import KINDS, Attack, Material, attacks, quotable
from evals.citation_material import (
    FILINGS,
    SHARED,
    Document,
    Marked,
    annotated,
    answers_not_verbatim,
    filings,
    hit_of,
    missing_folders,
)
from evals.golden.generate import FROZEN

RESULTS = Path("bench_results")
_SEED = 20240607
_AMBIGUOUS = "quote_ambiguous"


@dataclass
class Injected:
    """Attacks of one kind. `by_hits_alone`: accepted where nothing is known of years and pages but what the hits say."""

    kind: str
    injected: int = 0
    on_filings: int = 0
    thrown_away: int = 0
    accepted: int = 0
    by_hits_alone: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    let_through: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Quoted:
    """True citations of one corpus, quoted one way. `misplaced`: kept at another place or with other characters than the
    document's, `widened`: with the rest of a word that the quote cuts.
    """

    corpus: str
    how: str
    quotes: int = 0
    refused: int = 0
    ambiguous: int = 0
    misplaced: int = 0
    widened: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    first_refused: list[dict[str, str]] = field(default_factory=list)


@click.command()
@click.option("--each", type=click.IntRange(2), default=200, show_default=True, help="Attacks of each kind.")
@click.option("--filings", "limit", type=click.IntRange(1), help="At most so many filings of each set.")
@click.option("--seed", type=int, default=_SEED, show_default=True)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(each: int, limit: int | None, seed: int, output: Path) -> None:
    """Inject, cite, print tables, write citations.json."""
    from resources.embedder import MiniLM

    started = time.perf_counter()
    chunker = chunker_for(MiniLM())
    own = [filing for name in FROZEN for filing in filings(chunker, name, limit)]
    if missing := missing_folders():
        click.echo(f"Left out, because {' and '.join(missing)} are not in {SHARED}: all but the filings.")
    others = [] if missing else list(annotated(chunker))
    report = measured(own, others, each, Random(seed))  # noqa: S311 (the same seed gives the same attacks)
    if not missing:
        report["upstream"] = _upstream(others)
    report |= {"seed": seed, "left_out": missing, "seconds": round(time.perf_counter() - started, 1)}
    click.echo(tables(report))
    output.mkdir(parents=True, exist_ok=True)
    path = output / "citations.json"
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"written: {path}")


def measured(own: Sequence[Document], others: Sequence[Document], each: int, chance: Random) -> dict[str, Any]:
    """Everything but what came wrong from upstream, ready for JSON."""
    documents = [*own, *others]
    return {
        "injected": [_as_json(one) for one in _injected(own, others, each, chance)],
        "true": [_as_json(one) for one in _true(documents)],
        "values": [
            _values([d for d in own if d.corpus == name], chance) for name in dict.fromkeys(d.corpus for d in own)
        ],
        "microseconds_per_citation": _speed(documents),
    }


def _as_json(counted: Injected | Quoted) -> dict[str, Any]:
    return {**vars(counted), "codes": dict(counted.codes)}


# ── bad citations ────────────────────────────────────────────────────────────────────────────────────────────────────


def _injected(own: Sequence[Document], others: Sequence[Document], each: int, chance: Random) -> Iterator[Injected]:
    """Half on filings, half in equal parts on the other corpora."""
    corpora = [[d for d in others if d.corpus == name] for name in sorted({d.corpus for d in others})]
    materials = [Material(c, [q for d in c for q in quotable(d)], chance) for c in (own, *corpora)]
    shares = _shares(each // 2 if corpora else each, each, len(corpora))
    for kind in KINDS:
        result = Injected(kind)
        for material, share in zip(materials, shares, strict=True):
            made, thrown_away = attacks(kind, material, share)
            result.thrown_away += thrown_away
            for attack in made:
                _count_attack(result, attack)
        yield result


def _shares(first: int, each: int, others: int) -> list[int]:
    rest = each - first
    return [first, *(rest // others + (place < rest % others) for place in range(others))]


def _count_attack(result: Injected, attack: Attack) -> None:
    result.injected += 1
    result.on_filings += attack.corpus.startswith(FILINGS)
    resolved = _resolved(attack.cited, attack.hits, attack.year, attack.documents)
    alone = _resolved(attack.cited, attack.hits, attack.year, attack.documents, hits_alone=True)
    result.by_hits_alone += not alone.problems
    if resolved.problems:
        result.codes[_code(resolved)] += 1
    else:
        result.accepted += 1
        kept = resolved.citations[0]
        result.let_through.append(
            {
                "corpus": attack.corpus, "how": attack.how, "document": kept.doc_id,
                "quote": attack.cited.quote, "kept": kept.quote,
            }
        )  # fmt: skip


def _resolved(
    cited: AnswerCitation,
    hits: Sequence[Retrieved],
    year: int,
    documents: Mapping[str, Document],
    *,
    hits_alone: bool = False,
    fields: Sequence[AnswerField] = (),
) -> Resolved:
    answer = ModelAnswer(
        decision="answered",
        confidence=1.0,
        segments=(AnswerSegment(text="x", cited_chunk_ids=(cited.chunk_id,)),),
        citations=(cited,),
        fields=tuple(fields),
    )
    years = None if hits_alone else {doc_id: document.year for doc_id, document in documents.items()}
    return resolve(
        answer, hits, lambda doc_id, start, end: documents[doc_id].text[start:end], (year,), document_years=years,
        page_of=None if hits_alone else lambda doc_id, start, end: documents[doc_id].page_of(start, end),
    )  # fmt: skip


def _code(resolved: Resolved) -> str:
    return resolved.problems[0].partition(":")[0]


# ── true citations ───────────────────────────────────────────────────────────────────────────────────────────────────

MARKED = "as marked"
ONE_PLACE = "with the words that give it one place"
ONE_SPACE = "the same, white space as one space"


def _true(documents: Iterable[Document]) -> Iterator[Quoted]:
    results: dict[tuple[str, str], Quoted] = {}
    for document in documents:
        for hit, marked in _pieces(document):
            start, end = _given_one_place(document, hit, marked)
            whole = document.text[start:end]
            quotes = (
                (MARKED, document.text[marked.start : marked.end], marked.start, marked.end),
                (ONE_PLACE, whole, start, end),
                (ONE_SPACE, " ".join(whole.split()), start, end),
            )
            for how, quote, first, last in quotes:
                result = results.setdefault((document.corpus, how), Quoted(document.corpus, how))
                _count_true(result, document, hit, quote, first, last)
    yield from results.values()


def _pieces(document: Document) -> Iterator[tuple[Retrieved, Marked]]:
    """Each span, or what of it lies in each of the chunks that it runs over: one quote a passage."""
    for marked in document.marked:
        at = marked.start
        while at < marked.end:
            holding = [r for r in document.hits if r.hit.char_range[0] <= at < r.hit.char_range[1]]
            if not holding:  # white space between two chunks
                at += 1
                continue
            hit = max(holding, key=lambda r: r.hit.char_range[1])
            end = min(marked.end, hit.hit.char_range[1])
            if any(character.isalnum() for character in document.text[at:end]) or at == marked.start:
                yield hit, Marked(at, end, marked.field, marked.value)
            at = end


def _given_one_place(document: Document, hit: Retrieved, marked: Marked) -> tuple[int, int]:
    """The span with whole words of its line, then of its passage, until it stands there once, by a count of its own."""
    text, (first, last) = document.text, hit.hit.char_range
    start, end = marked.start, marked.end
    if marked.field:
        start = max(text.rfind("\n", first, start) + 1, start - 60, first)
    squeezed = "".join(hit.text.split())
    while True:
        start = max(next((at for at in range(start, first, -1) if text[at - 1].isspace()), first), start - 60)
        end = min(next((at for at in range(end, last) if text[at].isspace()), last), end + 60)
        once = len(re.findall(f"(?={re.escape(''.join(text[start:end].split()))})", squeezed)) == 1
        named = any(character.isalpha() for character in text[start:end])
        if (once and named) or (start == first and end == last):
            return start, end
        start, end = max(first, start - 12), min(last, end + 12)


def _count_true(result: Quoted, document: Document, hit: Retrieved, quote: str, start: int, end: int) -> None:
    cited = AnswerCitation(chunk_id=hit.hit.chunk_id, quote=quote)
    resolved = _resolved(cited, document.around(hit), document.year, {document.doc_id: document})
    result.quotes += 1
    if resolved.problems:
        code = _code(resolved)
        result.refused += 1
        result.ambiguous += code == _AMBIGUOUS
        result.codes[code] += 1
        if sum(one["reason"] == code for one in result.first_refused) < 5:
            result.first_refused.append({"document": document.doc_id, "reason": code, "quote": quote[:300]})
        return
    kept, (first, last) = resolved.citations[0].quote, resolved.citations[0].char_range
    while document.text[start].isspace():
        start += 1
    while document.text[end - 1].isspace():
        end -= 1
    added = document.text[first:start] + document.text[end:last]
    at_its_place = first <= start and end <= last and not any(character.isspace() for character in added)
    result.misplaced += document.text[first:last] != kept or (result.how != MARKED and not at_its_place)
    result.widened += kept.split() != quote.split()


# ── values of fields ─────────────────────────────────────────────────────────────────────────────────────────────────


def _values(own: Sequence[Document], chance: Random) -> dict[str, Any]:
    """Each field's own value and a wrong one, each with the quote that states the field."""
    counts = Counter(true=0, true_refused=0, wrong=0, wrong_accepted=0)
    refused: list[dict[str, str]] = []
    accepted: list[dict[str, str]] = []
    for document in own:
        for hit, marked in _pieces(document):
            if marked not in document.marked:  # it runs over two chunks: no one quote states it
                counts["in_two_passages"] += 1
                continue
            start, end = _given_one_place(document, hit, marked)
            cited = AnswerCitation(chunk_id=hit.hit.chunk_id, quote=document.text[start:end])
            counts["true"] += 1
            if not _takes(document, hit, cited, marked.field, marked.value):
                counts["true_refused"] += 1
                refused.append({"document": document.doc_id, "field": marked.field, "quote": cited.quote[:300]})
            wrong = _wrong_value(marked.value, chance)
            if _stands_as_it_is(wrong, cited.quote):
                counts["wrong_thrown_away"] += 1
                continue
            counts["wrong"] += 1
            if _takes(document, hit, cited, marked.field, wrong):
                counts["wrong_accepted"] += 1
                accepted.append(
                    {"document": document.doc_id, "field": marked.field, "value": wrong, "quote": cited.quote[:300]}
                )
    return {"corpus": own[0].corpus, **counts, "refused": refused[:20], "accepted": accepted}


def _takes(document: Document, hit: Retrieved, cited: AnswerCitation, name: str, value: str) -> bool:
    stated = AnswerField(name=name, value=value, citation=0)
    return not _resolved(
        cited, document.around(hit), document.year, {document.doc_id: document}, fields=[stated]
    ).problems


def _wrong_value(value: str, chance: Random) -> str:
    """Another category or type of return; of a number one digit changed, the first left out, or a sign; of a name a letter."""
    others = {
        "completa": "simplificada",
        "simplificada": "completa",
        "original": "retificadora",
        "retificadora": "original",
    }
    if value in others:
        return others[value]
    digits = [place for place, character in enumerate(value) if character.isdigit()]
    if len(digits) > 1 and chance.random() < 0.4:
        return chance.choice([value[1:], f"-{value}"])
    at = chance.choice(digits or range(len(value)))
    letters = "0123456789" if digits else "ABCDEFGHIJLMNOPRSTUVZ"
    return value[:at] + chance.choice([other for other in letters if other != value[at]]) + value[at + 1 :]


def _stands_as_it_is(value: str, quote: str) -> bool:
    """Whether a wrong value is by accident another one that the quote states: an exact word of it, marks apart."""
    bare = re.sub(r"\W", "", value)
    return bare in {re.sub(r"\W", "", word) for word in quote.split()}


# ── what came wrong from upstream ────────────────────────────────────────────────────────────────────────────────────


def _upstream(others: Sequence[Document]) -> dict[str, int]:
    """Answers whose text does not stand where their source says, as places and as quotes; and answers that are no quotes."""
    found = Counter(positions=0, positions_accepted=0, quotes_placed=0, quotes_misplaced=0, quotes_refused=0)
    for document in others:
        for misplaced in document.misplaced:
            start, text = misplaced.start, misplaced.text
            claimed = Retrieved(
                hit_of("ck_claimed", document.doc_id, document.year, 1, (start, start + len(text))), text
            )  # fmt: skip
            cited = AnswerCitation(chunk_id="ck_claimed", quote=text)
            page_of = document.page_of(start, start + len(text)) or 1
            claimed = Retrieved(claimed.hit.model_copy(update={"page": page_of}), text)
            found["positions"] += 1
            found["positions_accepted"] += not _resolved(
                cited, [claimed], document.year, {document.doc_id: document}
            ).problems
            _count_quote(found, document, text)
    answers = list(answers_not_verbatim())
    found["not_verbatim"] = len(answers)
    found["not_verbatim_accepted"] = sum(_accepted_in(passage, answer) for passage, answer in answers)
    return dict(found)


def _count_quote(found: Counter[str], document: Document, text: str) -> None:
    """The same answer as a quote of the chunk that holds its text: it is placed where the text is, not where it was said."""
    holding = next((r for r in document.hits if text in r.text), None)
    if holding is None:
        found["quotes_in_no_passage"] += 1
        return
    cited = AnswerCitation(chunk_id=holding.hit.chunk_id, quote=text)
    resolved = _resolved(cited, document.around(holding), document.year, {document.doc_id: document})
    if resolved.problems:
        found["quotes_refused"] += 1
        return
    start, end = resolved.citations[0].char_range
    found["quotes_placed" if document.text[start:end] == resolved.citations[0].quote else "quotes_misplaced"] += 1


def _accepted_in(passage: str, answer: str) -> bool:
    hit = Retrieved(hit_of("ck_passage", "doc", 2023, 1, (0, len(passage))), passage)
    document = Document("tatqa", "doc", 2023, passage, (len(passage),), (), (), (hit,))
    cited = AnswerCitation(chunk_id="ck_passage", quote=answer)
    return not _resolved(cited, [hit], 2023, {"doc": document}).problems


# ── speed, tables ────────────────────────────────────────────────────────────────────────────────────────────────────


def _speed(documents: Sequence[Document]) -> dict[str, float]:
    """Of one citation in an answer of its own, with all the hits of its prompt: median and 95th percentile."""
    times = []
    for document, hit, marked in [one for each in documents for one in quotable(each)][::7]:
        cited = AnswerCitation(chunk_id=hit.hit.chunk_id, quote=document.text[marked.start : marked.end])
        hits = document.around(hit)
        started = time.perf_counter()
        _resolved(cited, hits, document.year, {document.doc_id: document})
        times.append(1e6 * (time.perf_counter() - started))
    times.sort()
    n = len(times)
    return {"n": n, "p50": round(times[n // 2], 1), "p95": round(times[int(0.95 * n)], 1)} if times else {"n": 0}


def tables(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    console = Console(width=150, record=True, file=io.StringIO())
    injected = Table(
        "kind", "injected", "on filings", "true by accident, redrawn", "accepted", "by hits alone", "refused as",
        title="Bad citations",
    )  # fmt: skip
    for row in [*report["injected"], _sum(report["injected"])]:
        injected.add_row(
            *(
                str(row[name])
                for name in ("kind", "injected", "on_filings", "thrown_away", "accepted", "by_hits_alone")
            ),
            _listed(row["codes"]),
        )
    console.print(injected)
    for row in report["injected"]:
        for one in row["let_through"]:
            console.print(f"accepted, {row['kind']}: {one}", markup=False)
    true = Table(
        "corpus", "quoted", "n", "refused", "ambiguous", "misplaced", "widened", "refused as", title="True citations"
    )
    for how in (MARKED, ONE_PLACE, ONE_SPACE):
        rows = [row for row in report["true"] if row["how"] == how]
        for row in [*rows, _total(rows, how)]:
            share = f"{row['refused']} ({row['refused'] / max(1, row['quotes']):.2%})"
            numbers = (str(row["quotes"]), share, *(str(row[name]) for name in ("ambiguous", "misplaced", "widened")))
            true.add_row(row["corpus"], how, *numbers, _listed(row["codes"]))
    console.print(true)
    for row in report["true"]:
        for one in row["first_refused"][: None if row["how"] != MARKED else 2]:
            console.print(f"refused, {row['corpus']}, {row['how']}: {one}", markup=False)
    values = Table(
        "corpus", "true values", "refused", "wrong values", "accepted", title="Values of fields in their quotes"
    )
    for row in report["values"]:
        values.add_row(*(str(row[name]) for name in ("corpus", "true", "true_refused", "wrong", "wrong_accepted")))
    console.print(values)
    for row in report["values"]:
        for name in ("refused", "accepted"):
            for one in row[name][:10]:
                console.print(f"value {name}: {one}", markup=False)
    if "upstream" in report:
        console.print(f"Answers wrong upstream: {report['upstream']}", markup=False)
    console.print(f"Microseconds a citation: {report['microseconds_per_citation']}", markup=False)
    return console.export_text()


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = ("injected", "on_filings", "thrown_away", "accepted", "by_hits_alone")
    return {"kind": "all", "codes": {}} | {name: sum(row[name] for row in rows) for name in names}


def _total(rows: Sequence[Mapping[str, Any]], how: str) -> dict[str, Any]:
    codes: Counter[str] = Counter()
    for row in rows:
        codes.update(row["codes"])
    numbers = {
        name: sum(row[name] for row in rows) for name in ("quotes", "refused", "ambiguous", "misplaced", "widened")
    }
    return {"corpus": "all", "how": how, "codes": codes} | numbers


def _listed(codes: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in sorted(codes.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    main()
