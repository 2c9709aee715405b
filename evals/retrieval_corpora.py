"""What retrieval is measured on: folders of documents with their labels, and questions with the places that answer them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.raw_pulls.labels import MANIFEST_NAME

DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers: a page from 1, or characters `[start, end)`, or with neither the whole document."""

    path: str
    page: int | None = None
    start: int | None = None
    end: int | None = None
    grade: int = 1


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the scope that a caller would give, and every place that answers it. `needs`: one set for each thing asked."""

    text: str
    scope: RetrievalScope
    needs: tuple[frozenset[Gold], ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder as a source, and the questions of each task over it."""

    name: str
    folder: Path
    tasks: Mapping[str, tuple[Question, ...]]


def filings(folder: Path) -> Corpus:
    """Filings with `manifest.jsonl` and `questions.jsonl`, as they lie: a question's gold pages are its `evidence`."""
    questions = []
    for row in _rows(folder / "questions.jsonl"):
        scope = RetrievalScope(year=row["year"], filer_category=row["filer_category"])
        gold = frozenset(Gold(e["path"], page=e["page"]) for e in row["evidence"])
        questions.append(Question(row["question"], scope, (gold,)))
    return Corpus("filings", folder, {"filings": tuple(questions)})


def regulations(source: Path, folder: Path) -> Corpus:
    """Acts without their headings, which the queries repeat. `pairs` asks for two articles of one scope at once."""
    articles: dict[str, dict[str, Gold]] = {}
    labels = []
    for row in _rows(source / "documents.jsonl"):
        path = Path(row["doc"]).name
        text, places = _without_headings((source / row["doc"]).read_text(encoding="utf-8"), path)
        _write(folder / path, text)
        articles[Path(row.get("json") or row["doc"]).stem] = places
        labels.append(_label(path, row["year"], row["category"], row["title"]))
    _write(folder / MANIFEST_NAME, "".join(labels))
    definitions, titles = (
        tuple(_of_article(row, articles) for row in _rows(source / f"queries_{kind}.jsonl"))
        for kind in ("definitions", "titles")
    )
    return Corpus(
        "regulations",
        folder,
        {"definitions": definitions, "titles": titles, "pairs": tuple(_pairs(titles))},
    )


def abstracts(source: Path, folder: Path, year: int = 2020) -> Corpus:
    """SciFact: abstracts under their titles, all in one year, and claims with the abstracts that bear on them."""
    labels = []
    for row in _rows(source / "corpus.jsonl"):
        path = f"{row['_id']}.txt"
        _write(folder / path, row["text"])
        labels.append(_label(path, year, None, row["title"]))
    _write(folder / MANIFEST_NAME, "".join(labels))
    graded: dict[str, set[Gold]] = {}
    for line in (source / "qrels" / "train.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        graded.setdefault(query, set()).add(Gold(f"{document}.txt", grade=int(grade)))
    scope = RetrievalScope(year=year)
    claims = [
        Question(row["text"], scope, (frozenset(graded[row["_id"]]),)) for row in _rows(source / "queries_dev.jsonl")
    ]
    return Corpus("abstracts", folder, {"claims": tuple(claims)})


def _without_headings(markdown: str, path: str) -> tuple[str, dict[str, Gold]]:
    """The text without its heading lines, and the characters of each article in it."""
    kept: list[str] = []
    length = 0
    marks: list[tuple[int, str | None]] = []
    for line in markdown.split("\n"):
        if line.startswith("#"):
            named = re.match(r"#+ (?:Article|Artigo|Art\.?) (\w+)", line)
            marks.append((length, named[1] if named else None))
        else:
            kept.append(line)
            length += len(line) + 1
    marks.append((length, None))
    places = {name: Gold(path, start=start, end=end) for (start, name), (end, _) in pairwise(marks) if name}
    return "\n".join(kept), places


def _of_article(row: dict[str, Any], articles: Mapping[str, Mapping[str, Gold]]) -> Question:
    scope = RetrievalScope(year=row["year"], filer_category=row["category"])
    return Question(row["query"], scope, (frozenset({articles[row["regulation"]][row["gold_article"]]}),))


def _pairs(questions: tuple[Question, ...]) -> Iterator[Question]:
    """Each of a scope's subjects with one that stands half of the list away, in a question of two parts."""
    by_scope: dict[RetrievalScope, list[Question]] = {}
    for question in questions:
        by_scope.setdefault(question.scope, []).append(question)
    for group in by_scope.values():
        half = len(group) // 2
        for one, other in zip(group[:half], group[half:], strict=False):
            text = f"What is laid down on {one.text}? And what is laid down on {other.text}?"
            yield Question(text, one.scope, (*one.needs, *other.needs))


def _label(path: str, year: int, category: str | None, title: str) -> str:
    row = {"path": path, "year": year, "filer_category": category, "title": title, "doc_type": None}
    return json.dumps(row, ensure_ascii=False) + "\n"


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
