"""What redaction does to filings whose every field is known: what identifies a person goes, what a decision needs stays."""

from collections import Counter
from collections.abc import Iterable

from compliance_assets.governance.redaction.redactor import Redacted, Redactor
from evals.golden.golden_set import Row, render_row

#: Fields that name a person or a firm; all the others are years, amounts, counts and choices.
NAMING = ("name", "taxpayer_id", "payer_id", "dependant_id")


def score_filings(rows: Iterable[Row], key: bytes, *, with_known: bool) -> dict[str, int]:
    """Fields by name: how many there are, how many are covered whole, how many are touched at all.

    `with_known` gives the redactor these fields' values, as deterministic parsing has them. The count of dependants spans
    their rows, so their numbers touch it.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        fields = row["fields"]
        known = [field["value"] for name, field in fields.items() if _plain(name) in NAMING] if with_known else []
        text = render_row(row).text
        redacted = Redactor(key, known=known).redact(text)
        for name, field in fields.items():
            group = _plain(name) if _plain(name) in NAMING else "other fields"
            counts[group] += 1
            counts[f"{group} covered"] += _covered(text, redacted, field["start"], field["end"])
            counts[f"{group} touched"] += _touched(redacted, field["start"], field["end"])
        counts["filings"] += 1
    return dict(sorted(counts.items()))


def _plain(name: str) -> str:
    return name.partition("[")[0]


def _covered(text: str, redacted: Redacted, start: int, end: int) -> bool:
    held = {at for span in redacted.spans for at in range(span.start, span.end)}
    return all(at in held for at in range(start, end) if text[at].isalnum())


def _touched(redacted: Redacted, start: int, end: int) -> bool:
    return any(span.start < end and start < span.end for span in redacted.spans)
