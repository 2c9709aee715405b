"""The total and the date of a shop's receipt, from its recognised text. A reader of receipts in general: labels and forms."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ReceiptFields:
    """What a receipt says was to be paid, in its own currency, and when; None where it was not found."""

    total: Decimal | None
    date: date | None


def read_receipt(text: str) -> ReceiptFields:
    """The fields of a receipt's text, one printed line per line."""
    lines = [_legible(line) for line in text.splitlines() if line.strip()]
    return ReceiptFields(_total(lines), _date(lines))


# --- the total ---

_AMOUNT = re.compile(
    r"(?<![\d.,])(?P<whole>\d{1,3}(?:[.,]\d{3})+|\d{1,6})?\s?[.,]\s?(?P<cents>\d{2})(?![\d%])(?!\s?[.,/:-]\d)(?!\s?%)"
)
# What is to be paid has many names. Of several labels the first of this list counts: it says more exactly what is meant.
# Labels are looked for in the line without its spaces, since OCR leaves out some and adds others.
_TOTALS = tuple(
    re.compile(label)
    for label in (
        r"rounded?total|total(?:after|with)?round(?:ed|ing)(?!adj)",
        r"^\W*round(?:ed|ing)(?!adj)(?!.*[^\d]0?[.,]\d\d$)",  # the rounded total: an adjustment is less than one
        r"grandtotal|(?:nett?|final)(?:total|amount|amt)|(?:total|amount|amt|balance)(?:due|payable|topay)",
        r"total(?:sales?|amount|amt|price)?\W*(?:inc|with)",
        r"(?<![a-z])total(?:sales?|amount|amt|price|bill|facture|geral)?\W*(?:(?:rm|myr|usd|sgd|eur|gbp|brl|r\$)\W*)?[\d$s]",
        r"(?<![a-z])total(?:sales?|amount|amt|price|bill|facture|geral)?\W*(?:rm|myr|usd|sgd|eur|gbp|brl|r\$)?\W*$",
        r"amount|total",
    )
)
_NOT_THE_TOTAL = re.compile(
    r"sub-?total|total(?:qty|quantity|item|pcs|disc|saving|tax|gst|vat|sst|excl?|point|paid|tender)|accepted"
    r"|(?:excl|before|without)\w*\W*(?:gst|tax|vat)|(?:tax|paid|gst)(?:amount|amt)|amount(?:paid|tendered)|gstsummary"
    r"|round\w*adj"
)
_PAID = re.compile(r"cash|tender|paid|payment|visa|master|card")
_CHANGE = re.compile(r"change|troco")


def _total(lines: list[str]) -> Decimal | None:
    for label in _TOTALS:
        stated = [amount for line in range(len(lines)) if (amount := _stated_at(lines, line, label)) is not None]
        if stated:
            return _agreed(stated)
    return _paid_less_change(lines)


def _stated_at(lines: list[str], at: int, label: re.Pattern[str]) -> Decimal | None:
    """The amount at the end of a labelled line, or alone on the next one."""
    squeezed = re.sub(r"\s", "", lines[at])
    if not label.search(squeezed) or _NOT_THE_TOTAL.search(squeezed):
        return None
    amounts = _amounts(lines[at])
    if not amounts and at + 1 < len(lines) and not re.search(r"[a-z]{4}", lines[at + 1]):
        amounts = _amounts(lines[at + 1])
    return amounts[-1] if amounts and amounts[-1] > 0 else None


def _agreed(stated: list[Decimal]) -> Decimal:
    """The amount that is stated most often; of those the largest."""
    return max(Counter(stated).items(), key=lambda item: (item[1], item[0]))[0]


def _paid_less_change(lines: list[str]) -> Decimal | None:
    paid, change = (
        next((amounts[-1] for line in lines if label.search(line) and (amounts := _amounts(line))), None)
        for label in (_PAID, _CHANGE)
    )
    return paid - change if paid is not None and change is not None and paid > change else paid


def _amounts(line: str) -> list[Decimal]:
    return [
        Decimal(f"{re.sub('[.,]', '', match['whole'] or '0')}.{match['cents']}") for match in _AMOUNT.finditer(line)
    ]


# --- the date ---

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*"
_FIRST, _SECOND = r"\s?(?P<mark>[-/.])\s?", r"\s?(?P=mark)\s?"
_YEAR = r"(?:19|20)\d\d(?:(?!\d)|(?=\d{1,2}:\d\d))"  # the time may follow without a space
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\d.])(?P<year>(?:19|20)\d\d){_FIRST}(?P<month>\d{{1,2}}){_SECOND}(?P<day>\d{{1,2}})(?!\d)",
        rf"(?<![\d.])(?P<day>\d{{1,2}}){_FIRST}(?P<month>\d{{1,2}}){_SECOND}(?P<year>{_YEAR}|\d\d(?![\d.:]))",
        rf"(?<!\d)(?P<day>\d{{1,2}})[\s./-]*{_MONTH}[\s.,/-]*(?P<year>{_YEAR}|\d\d(?![\d:]))",
        rf"{_MONTH}[\s.-]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s,.-]+(?P<year>(?:19|20)\d\d)(?!\d)",
    )
)
_DATE_LABEL = re.compile(r"\bda(?:te|ta)\b")


def _date(lines: list[str]) -> date | None:
    """The first date of a line that is labelled as one, else the first of all."""
    labelled = [line for line in lines if _DATE_LABEL.search(line)]
    return next((found for line in (*labelled, *lines) for found in _dates(line)), None)


def _dates(line: str) -> Iterator[date]:
    for pattern in _DATES:
        for match in pattern.finditer(line):
            parts = match.groupdict()
            month = _MONTHS.index(parts["name"]) + 1 if parts.get("name") else int(parts["month"])
            made = _made(int(parts["year"]), month, int(parts["day"]))
            if made is not None:
                yield made


def _made(year: int, month: int, day: int) -> date | None:
    """Day before month, as nearly everywhere; the other way round where only that is a date."""
    year += 2000 if year < 100 else 0
    for m, d in ((month, day), (day, month)):
        try:
            return date(year, m, d)
        except ValueError:
            continue
    return None


# --- what OCR does to letters and digits ---

_O_FOR_ZERO = re.compile(r"(?<=[\d.,])o(?=[\d.,]|\b)|\bo(?=[.,]\d)")
_L_FOR_ONE = re.compile(r"(?<=\d)[il|](?=[\d.,/-])|(?<=[/-])[il|](?=\d)")


def _legible(line: str) -> str:
    """Lower case, with letters among digits and digits among letters put right."""
    line = line.lower().replace("t0tal", "total").replace("totai", "total").replace("tota1", "total")
    return _L_FOR_ONE.sub("1", _O_FOR_ZERO.sub("0", line))
