"""What the law says, read from the passages of the prompt and from nowhere else. Pure.

A rule counts as it is first stated, in the order of the passages; which year a passage is of is not asked: the scope of the
retrieval says that. A rule that no passage states is not known, and nothing breaks it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from compliance_assets.model_decisions.irpf.passages import Passage, Quote, once

_CENT = Decimal("0.01")
_AMOUNT = r"R\$\s*([\d.]+,\d{2})"
_SENTENCE_END = re.compile(r"[.;](?=\s|$)")
_ARTICLE = re.compile(r"^Art\.[^\n]*(?:\n(?!\s*Art\.|\s*#|\s*\n\s*#)[^\n]*)*", re.MULTILINE)


class Rule(StrEnum):
    """What the model asks the law."""

    TABLE = "table"
    BASE = "base"
    DEPENDANT = "dependant"
    ONCE = "once"
    EDUCATION = "education"
    PRIVATE_PENSION = "private_pension"
    SIMPLIFIED = "simplified"
    REFUND = "refund"
    PAYER = "payer"
    RECEIPT = "receipt"


# How each rule is worded; spaces are any white space. Groups are its amounts, in order.
_WORDINGS: dict[Rule, re.Pattern[str]] = {
    rule: re.compile(wording.replace(" ", r"\s+"))
    for rule, wording in {
        Rule.TABLE: r"imposto devido é a base de cálculo vezes a alíquota da faixa",
        Rule.BASE: r"base de cálculo é a soma dos rendimentos tributáveis menos",
        Rule.DEPENDANT: rf"dependente permite deduzir {_AMOUNT}",
        Rule.ONCE: r"pessoa não pode ser dependente duas vezes",
        Rule.EDUCATION: rf"instrução são deduzidas até {_AMOUNT} por pessoa",
        Rule.PRIVATE_PENSION: r"previdência complementar são deduzidas até ([\d,]+)% dos rendimentos tributáveis",
        Rule.SIMPLIFIED: rf"deduções legais por ([\d,]+)% dos rendimentos tributáveis, até {_AMOUNT}",
        Rule.REFUND: r"Nunca se restitui mais do que foi pago",
        Rule.PAYER: r"só é abatido se a fonte pagadora estiver informada",
        Rule.RECEIPT: r"retificadora, que substitui .{0,40}? traz o número do recibo",
    }.items()
}
_BAND = re.compile(rf"\|\s*(até|acima de)\s+{_AMOUNT}\s*\|\s*([\d,]+)%\s*\|\s*{_AMOUNT}\s*\|")


@dataclass(frozen=True, slots=True)
class Band:
    """A band of the table: up to a base (None: without end) the tax is `base * rate - parcel`."""

    up_to: Decimal | None
    rate: Decimal
    parcel: Decimal


@dataclass(frozen=True, slots=True)
class Law:
    """The rules that the passages state: their articles, their amounts as numbers, and the table."""

    articles: dict[Rule, Quote] = field(default_factory=dict)
    numbers: dict[Rule, tuple[Decimal, ...]] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()

    def knows(self, rule: Rule) -> bool:
        """Whether a passage states the rule."""
        return rule in self.articles

    def tax(self, base: Decimal) -> Decimal | None:
        """The tax by the table, not rounded; None where no passage has a whole table."""
        band = next((b for b in self.bands if b.up_to is None or base <= b.up_to), None)
        return None if band is None else max(base * band.rate - band.parcel, Decimal(0))


def read_law(passages: Sequence[Passage]) -> Law:
    """The law as the passages state it."""
    law = Law()
    bands: tuple[Band, ...] = ()
    for passage in passages:
        for article in _ARTICLE.finditer(passage.text):
            for rule, wording in _WORDINGS.items():
                found = None if rule in law.articles else wording.search(article[0])
                if found is None or (rule is Rule.TABLE and not (bands := _bands(passage.text[article.start() :]))):
                    continue
                law.articles[rule] = _quote(passage, rule, article, found.end())
                law.numbers[rule] = tuple(map(_number, found.groups()))
    return Law(law.articles, law.numbers, bands)


def to_the_cent(exact: Decimal, stated: Decimal) -> bool:
    """Whether an amount is an exact one, cut or rounded to the cent."""
    return stated in (exact.quantize(_CENT, ROUND_FLOOR), exact.quantize(_CENT, ROUND_CEILING))


def ceiling(amount: Decimal) -> Decimal:
    """The next whole cent."""
    return amount.quantize(_CENT, ROUND_CEILING)


def _bands(text: str) -> tuple[Band, ...]:
    """The table's bands; none where the passage holds a part of it."""
    bands = tuple(
        Band(None if kind == "acima de" else _number(limit), _number(rate) / 100, _number(parcel))
        for kind, limit, rate, parcel in _BAND.findall(text)
    )
    return bands if bands and bands[-1].up_to is None else ()


def _quote(passage: Passage, rule: Rule, article: re.Match[str], stated: int) -> Quote:
    """The article up to the end of the sentence that states the rule, at `stated` in it; the table's article with the table."""
    sentence = _SENTENCE_END.search(article[0], stated)
    end = article.start() + (sentence.end() if sentence else len(article[0].rstrip()))
    if rule is Rule.TABLE:
        end = max(band.end() for band in _BAND.finditer(passage.text, article.start()))
    return Quote(passage.chunk_id, once(passage.text, article.start(), end))


def _number(printed: str) -> Decimal:
    return Decimal(printed.replace(".", "").replace(",", "."))
