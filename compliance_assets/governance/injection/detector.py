"""Signs of prompt injection in questions and in retrieved text. Deterministic and pure; it flags and never blocks.

Three readers look at a text: rules over words (`lexicon`), over marks and code (`markup`), and a linear model over sentences
(`linear`). What is written in a disguise (`disguises`) is read again by all three. `score` puts the signs together: of
each family the strongest, and families add up.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from compliance_assets.governance.injection import lexicon, linear
from compliance_assets.governance.injection.disguises import Disguised, despaced, encoded_in, turned_in, unleeted
from compliance_assets.governance.injection.flags import InjectionFlag, Kind, together
from compliance_assets.governance.injection.linear import Origin
from compliance_assets.governance.injection.markup import hidden_flags, markup_flags, tagged_text
from compliance_assets.governance.injection.tokens import Words, stretches_of, words_of, words_of_folded

CODE_VERSION = "1"
THRESHOLD = (
    0.5  # from here on a text counts as flagged: the model's intercepts are set for it, see evals/injection_training.py
)
_WORTH_NAMING = 0.2
_DECIMALS = 4


def version() -> str:
    """Of the code and the coefficients: the same version gives the same flags for the same text."""
    return f"injection/{CODE_VERSION}/{linear.shipped().version}"


def score(text: str, origin: Origin = "question") -> float:
    """How much a text looks like an injection, in [0, 1]. `origin` is where it came from: a person's question, or a passage."""
    return score_of(signs_of(text, origin))


def flags_of(text: str, origin: Origin = "question") -> tuple[InjectionFlag, ...]:
    """The signs worth naming, by place, spans in `text`. A text may have some and score under the threshold."""
    found = [flag for flag in signs_of(text, origin) if flag.score >= _WORTH_NAMING]
    return tuple(sorted(set(found), key=lambda flag: (flag.start, flag.end, flag.kind, -flag.score)))


def signs_of(text: str, origin: Origin = "question") -> Iterator[InjectionFlag]:
    """Every sign, however weak; of the linear model one for each sentence."""
    words = words_of(text)
    return chain(
        _read(words, origin),
        markup_flags(text),
        hidden_flags(text),
        _disguised(text, words, origin),
    )


def score_of(flags: Iterable[InjectionFlag]) -> float:
    """The strongest sign of each family, put together, to four decimals."""
    strongest: dict[Kind, float] = {}
    for flag in flags:
        strongest[flag.kind] = max(flag.score, strongest.get(flag.kind, 0.0))
    return round(together(strongest[kind] for kind in sorted(strongest)), _DECIMALS)


def _read(words: Words, origin: Origin) -> Iterator[InjectionFlag]:
    yield from lexicon.shipped().flags(words)
    model = linear.shipped()
    for first, end, mark in stretches_of(words):
        probability = model.probability(words.words[first:end], mark, origin)
        yield InjectionFlag("request", *words.origin(first, end - 1), round(probability, _DECIMALS))


def _disguised(text: str, words: Words, origin: Origin) -> Iterator[InjectionFlag]:
    hidden = [Disguised(start, end, says, 0.0) for start, end, says in tagged_text(text)]
    for found in chain(encoded_in(text), turned_in(words.folded), despaced(words.folded), hidden):
        behind = score_of(chain(_read(words_of(found.text), origin), markup_flags(found.text)))
        if (strength := together((found.weight, behind))) >= _WORTH_NAMING:
            yield InjectionFlag("encoded", found.start, found.end, round(strength, _DECIMALS))
    plain = unleeted(words.folded)
    if plain is not None:
        again = words_of_folded(plain)
        for flag in _read(again, origin):
            if flag.score >= _WORTH_NAMING:
                yield InjectionFlag("encoded", flag.start, flag.end, flag.score)
