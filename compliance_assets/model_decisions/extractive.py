"""local/extractive-v1: a model that can only quote. It sees the rendered prompt, as any provider would. Pure.

The passages support an answer when they hold enough of the question's words. Then every sentence is scored by the share
of those words that stand in it, weighted by how rare a word is among the sentences that hold any (inverse document
frequency), and the best sentences are the answer, verbatim, each cited. Neither how a document was cut into passages nor
sentences about something else change it.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from compliance_assets.model_decisions.prompt import PASSAGES_MARK, QUESTION_MARK, SENT_BACK_MARK
from resources.providers import Completion

MAX_SEGMENTS = 3
MIN_COVERAGE = 0.5  # of the question's words that the passages hold together; below it they are about something else
MIN_SUPPORT = 0.25  # of the weight of those words that one sentence holds; below it the sentence says too little
SENTENCE_LENGTH = (20, 600)  # characters: a heading says too little, a whole table too much

_SENTENCE = re.compile(r"[^\n.!?…]+(?:[.!?…](?!\s)[^\n.!?…]*)*[.!?…]?")
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*")
_STOP_WORDS = frozenset(
    [
        "a",
        "about",
        "all",
        "also",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "based",
        "be",
        "by",
        "can",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "if",
        "in",
        "is",
        "it",
        "its",
        "like",
        "many",
        "much",
        "of",
        "on",
        "or",
        "our",
        "please",
        "question",
        "should",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "this",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "would",
        "year",
        "you",
        "your",
        "answer",
        "using",
        "used",
        "o",
        "os",
        "as",
        "um",
        "uma",
        "de",
        "da",
        "do",
        "das",
        "dos",
        "em",
        "no",
        "na",
        "nos",
        "nas",
        "e",
        "ou",
        "que",
        "qual",
        "quais",
        "quanto",
        "como",
        "para",
        "por",
        "com",
        "se",
        "foi",
        "é",
        "são",
        "seu",
        "sua",
    ]
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    chunk_id: str
    text: str
    words: frozenset[str]


class ExtractiveModel:
    """Deterministic: the same prompt gives the same answer."""

    model = "local/extractive-v1"

    def complete(self, prompt: str) -> Completion:
        """The answer to a rendered prompt, in the output contract that the prompt states."""
        started = time.monotonic()
        question, passages = _read_prompt(prompt)
        text = json.dumps(_answer(question, passages), ensure_ascii=False)
        return Completion(text, self.model, "local", 1, time.monotonic() - started)


def _read_prompt(prompt: str) -> tuple[str, list[dict[str, str]]]:
    asked, _, _ = prompt.partition(SENT_BACK_MARK)  # asked again it can only say the same
    rest = asked.split(QUESTION_MARK, 1)[1]
    question, passages = rest.split(PASSAGES_MARK, 1)
    return json.loads(question), [json.loads(line) for line in passages.split("\n") if line.strip()]


def _answer(question: str, passages: Sequence[dict[str, str]]) -> dict[str, object]:
    sentences = [sentence for passage in passages for sentence in _sentences(passage)]
    chosen = _best(_content_words(question), sentences)
    if not chosen:
        return {"decision": "insufficient_evidence", "confidence": 0.0, "segments": [], "citations": []}
    return {
        "decision": "answered",
        "confidence": round(max(score for score, _ in chosen), 4),
        "segments": [{"text": s.text, "cited_chunk_ids": [s.chunk_id]} for _, s in chosen],
        "citations": [{"chunk_id": s.chunk_id, "quote": s.text} for _, s in chosen],
    }


def _best(wanted: frozenset[str], sentences: Sequence[_Sentence]) -> list[tuple[float, _Sentence]]:
    """The best supported sentences, best first, at most MAX_SEGMENTS. One that several passages hold is of the first of them."""
    about: dict[str, _Sentence] = {}
    for sentence in sentences:
        if sentence.words & wanted:
            about.setdefault(sentence.text, sentence)
    frequency = Counter(word for sentence in about.values() for word in sentence.words & wanted)
    if not frequency or len(frequency) < MIN_COVERAGE * len(wanted):
        return []
    weight = {word: math.log(1 + len(about) / count) for word, count in frequency.items()}
    total = sum(weight.values())
    scored = [(sum(weight[word] for word in s.words & wanted) / total, s) for s in about.values()]
    supported = [(score, s) for score, s in scored if score >= MIN_SUPPORT]
    return sorted(supported, key=lambda pair: -pair[0])[:MAX_SEGMENTS]  # of two alike the one that comes first


def _sentences(passage: dict[str, str]) -> list[_Sentence]:
    shortest, longest = SENTENCE_LENGTH
    texts = (match.group().strip() for match in _SENTENCE.finditer(passage["text"]))
    return [
        _Sentence(passage["chunk_id"], text, _content_words(text)) for text in texts if shortest <= len(text) <= longest
    ]


def _content_words(text: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS)
