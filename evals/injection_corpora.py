"""Texts without an injection, of the kinds that the house lives on, for training and for measuring: never the same documents.

A document belongs to one half by the digest of its name. They are read from the real material beside the project and from
the invented filings: the calibration set trains, the golden set measures.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.injection.linear import Origin

SHARED = Path(__file__).parents[2] / "shared/data"
Half = Literal["training", "measuring"]
_PASSAGE = 1200
_GAP = re.compile(r"\s+")
_PAGES_OF_A_REPORT = 40
_ABSTRACTS = 1200


@dataclass(frozen=True, slots=True)
class Benign:
    """A text that nobody means as an injection: where it is from, and whether it is asked or found."""

    source: str
    document: str
    origin: Origin
    text: str


def benign(half: Half, shared: Path = SHARED) -> Iterator[Benign]:
    """Every passage and question of one half. Raises InvalidInput where the material is not there."""
    if not shared.is_dir():
        raise InvalidInput(
            "real material not found",
            expected=f"contracts, acts and reports under {shared}",
            found="no such folder",
            remedy="Give the folder with --shared.",
        )
    yield from _contracts(half, shared)
    yield from _acts(half, shared)
    yield from _span_questions(half, shared)
    yield from _report_questions(half, shared)
    yield from _everyday_texts(half, shared)
    yield from _invented_filings(half)
    if half == "measuring":
        yield from _report_pages(shared)


def passages_of(text: str, size: int = _PASSAGE) -> Iterator[str]:
    """A text in passages of about `size` characters that end between words."""
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text) and (gap := text.rfind(" ", start + size // 2, end)) > 0:
            end = gap
        if len(_GAP.sub("", text[start:end])) > size // 20:
            yield text[start:end]
        start = end


def half_of(document: str) -> Half:
    """Which half a document belongs to."""
    return "training" if hashlib.sha256(document.encode()).digest()[0] % 2 else "measuring"


def _contracts(half: Half, shared: Path) -> Iterator[Benign]:
    for path in sorted((shared / "cuad/txt").glob("*.txt")):
        if half_of(path.stem) == half:
            yield from _passages("contracts (CUAD)", path.stem, path.read_text(encoding="utf-8"))
    for document in _json(shared / "span_qa/contractnli_dev.json")["documents"]:
        if half_of(document["file_name"]) == half:
            yield from _passages("contracts (ContractNLI)", document["file_name"], document["text"])


def _acts(half: Half, shared: Path) -> Iterator[Benign]:
    for path in sorted((shared / "regulations/md").glob("*.md")):
        if half_of(path.stem) == half:
            language = "pt" if path.stem.endswith("_pt") else "en"
            yield from _passages(f"acts ({language})", path.stem, path.read_text(encoding="utf-8"))
    for name in ("queries_definitions", "queries_titles"):
        for row in _lines(shared / f"regulations/{name}.jsonl"):
            if half_of(row["query"]) == half:
                yield Benign("questions on acts", row["query"], "question", row["query"])


def _span_questions(half: Half, shared: Path) -> Iterator[Benign]:
    for name, source in (
        ("policyqa_dev", "privacy policies (PolicyQA)"),
        ("faquad_pt_train", "encyclopaedia (FaQuAD, pt)"),
    ):
        for document in _json(shared / f"span_qa/{name}.json")["data"]:
            if half_of(document["title"]) == half:
                title = document["title"]
                for paragraph in document["paragraphs"]:
                    asked = dict.fromkeys(qa["question"] for qa in paragraph["qas"])
                    yield Benign(source, title, "passage", paragraph["context"])
                    yield from (Benign(f"questions, {source}", title, "question", question) for question in asked)
    for report in _json(shared / "span_qa/tatqa_dataset_dev.json"):
        uid = report["table"]["uid"]
        if half_of(uid) == half:
            yield from (Benign("reports (TAT-QA)", uid, "passage", p["text"]) for p in report["paragraphs"])
            yield from (
                Benign("questions, reports (TAT-QA)", uid, "question", q["question"]) for q in report["questions"]
            )


def _report_questions(half: Half, shared: Path) -> Iterator[Benign]:
    for row in _lines(shared / "financebench/questions.jsonl"):
        if half_of(row["id"]) == half:
            yield Benign("questions, reports (FinanceBench)", row["id"], "question", row["question"])


def _everyday_texts(half: Half, shared: Path) -> Iterator[Benign]:
    """Claims and abstracts of science, and sentences that people write to firms: nothing of the house, and nobody's attack."""
    for row in _lines(shared / "scifact/queries_dev.jsonl"):
        if half_of(str(row["_id"])) == half:
            yield Benign("claims (SciFact)", str(row["_id"]), "question", row["text"])
    for row in itertools.islice(_lines(shared / "scifact/corpus.jsonl"), _ABSTRACTS):
        if half_of(str(row["_id"])) == half:
            yield from _passages("abstracts (SciFact)", str(row["_id"]), row["text"])
    for row in _lines(shared / "pii/presidio_synth_v2.jsonl"):
        text = row["full_text"]
        if half_of(text) == half:
            yield Benign("everyday sentences", text, "question", text)


def _report_pages(shared: Path) -> Iterator[Benign]:
    """Pages spread over the annual and quarterly reports."""
    import pypdfium2

    for path in sorted((shared / "financebench/pdfs").rglob("*.pdf")):
        document = pypdfium2.PdfDocument(path)
        try:
            step = max(1, len(document) // _PAGES_OF_A_REPORT)
            for number in range(0, len(document), step):
                text = document[number].get_textpage().get_text_bounded()
                yield from _passages("annual reports (10-K, 10-Q)", path.stem, text)
        finally:
            document.close()


def _invented_filings(half: Half) -> Iterator[Benign]:
    from evals.golden.generate import FROZEN
    from evals.golden.golden_set import read_rows, render_row

    rows = read_rows(FROZEN["calibration" if half == "training" else "golden"])
    for row in rows:
        if row["format"] != "scan":  # the same text as on paper
            yield from _passages("invented filings (pt)", row["id"], render_row(row).text)


def _passages(source: str, document: str, text: str) -> Iterator[Benign]:
    return (Benign(source, document, "passage", passage) for passage in passages_of(text))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line)


def spread(texts: Iterable[Benign], most: int) -> list[Benign]:
    """At most `most` of each source, from everywhere in it."""
    by_source: dict[str, list[Benign]] = {}
    for text in texts:
        by_source.setdefault(text.source, []).append(text)
    return list(itertools.chain.from_iterable(of[:: -(-len(of) // most)] for of in by_source.values()))
