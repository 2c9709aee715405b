"""Presidio's analyser with its default recognisers, to measure beside ours.

No model is reached for: spaCy's blank English tokeniser stands in for its language model, with the lower-case word as lemma so
that context words still raise scores. What Presidio's own named-entity model would add (persons, places) is therefore missing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from evals.redaction_scores import Typed

#: Presidio's types to those of its synthetic set. LOCATION has two truths there; it is compared with the places.
TYPES = {"URL": "DOMAIN_NAME", "LOCATION": "GPE", "UK_NHS": "NHS"}


def analyser() -> Callable[[str], Sequence[Typed]]:
    """A function from a text to what Presidio finds in it, at its default threshold."""
    import tldextract
    from presidio_analyzer import AnalyzerEngine

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(
        suffix_list_urls=()
    )  # the list in the package, no download
    engine = AnalyzerEngine(nlp_engine=_blank_engine(), supported_languages=["en"])

    def find(text: str) -> Sequence[Typed]:
        found = engine.analyze(text, language="en")
        return [Typed(r.start, r.end, TYPES.get(r.entity_type, r.entity_type)) for r in found]

    return find


def _blank_engine() -> Any:
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from spacy.language import Language
    from spacy.tokens import Doc

    @Language.component("word_as_lemma")
    def word_as_lemma(document: Doc) -> Doc:
        for token in document:
            token.lemma_ = token.lower_
        return document

    engine: Any = SpacyNlpEngine()
    blank = spacy.blank("en")
    blank.add_pipe("word_as_lemma")
    engine.nlp = {"en": blank}
    return engine
