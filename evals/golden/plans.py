"""What the golden sets hold: which formats, years, categories, return types and anomalies, in fixed numbers.

| set | filings | what for |
|---|---|---|
| golden | 500 | the measure: the five formats alike, every fourth filing with an anomaly |
| calibration | 200 | to choose thresholds on, drawn like the golden set from other seeds |
| hard | 150 | unknown layouts, poor scans, e-mails that leave something out |
| demo | 40 | three years of mixed formats, for a first look |
| load | any | text formats in quantity, drawn like the golden set from other seeds, for benchmarks |
"""

from collections.abc import Sequence
from typing import Literal

from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.law import known_years
from compliance_assets.normalised_documents.filings.locator_map import locator_map
from evals.golden.declaration import Anomaly, Category, ReturnType
from evals.golden.golden_set import FORMATS, Plan
from evals.golden.layouts import HARD_LAYOUTS, layout_of
from evals.golden.rendered import DocumentFormat

SetName = Literal["golden", "calibration", "hard", "demo"]

DEMO_YEARS = (2022, 2023, 2024)

_FIRST_SEED: dict[str, int] = {
    "golden": 1_000_000, "calibration": 2_000_000, "hard": 3_000_000, "demo": 4_000_000,
    "load": 9_000_000,
}  # fmt: skip
_SIZES: dict[SetName, int] = {"golden": 100, "calibration": 40}  # filings of each format
_HARD_SIZES: dict[DocumentFormat, int] = {"pdf": 30, "scan": 45, "xml": 12, "fixed_width": 13, "email": 50}
_DEMO_SIZES: dict[DocumentFormat, int] = {"pdf": 13, "scan": 5, "xml": 8, "fixed_width": 6, "email": 8}
_EVERY_NTH_IS_ANOMALOUS = 4
_EVERY_NTH_CORRECTS = 3
_EMAIL_VARIANTS = 6
_SCANS = ("normal-pdf", "normal-jpeg", "normal-tiff", "normal-pdf", "normal-png")
_HARD_SCANS = ("hard-pdf", "hard-jpeg")
_LEAVES_OUT = "-without-"
# What an e-mail may leave out in the hard set: fields that every return has to state.
_LEFT_OUT = (Field.TAX_DUE, Field.TAXPAYER_ID, Field.TAX_BASE, Field.CALENDAR_YEAR, Field.TAXABLE_INCOME)
# An e-mail lists neither payers nor dependants, so it cannot show what is wrong with one.
_SHOWN_IN_MAIL = (
    Anomaly.ARITHMETIC,
    Anomaly.DEDUCTION_ABOVE_CAP,
    Anomaly.WRONG_YEAR_TABLE,
    Anomaly.REFUND_ABOVE_WITHHELD,
    Anomaly.RETIFICADORA_WITHOUT_RECEIPT,
)


def plans_of(name: SetName) -> list[Plan]:
    """The filings of a set, in order."""
    if name == "demo":
        sizes: dict[DocumentFormat, int] = _DEMO_SIZES
    elif name == "hard":
        sizes = _HARD_SIZES
    else:
        sizes = dict.fromkeys(FORMATS, _SIZES[name])
    plans: list[Plan] = []
    for kind, size in sizes.items():
        plans += [_plan(name, kind, k, len(plans) + k) for k in range(size)]
    return plans


def load_plans(filings: int) -> list[Plan]:
    """So many filings in the formats that have text, in turn."""
    kinds: tuple[DocumentFormat, ...] = ("pdf", "xml", "fixed_width", "email")
    return [_plan("load", kinds[number % len(kinds)], number // len(kinds), number) for number in range(filings)]


def years_of(kind: DocumentFormat) -> tuple[int, ...]:
    """The calendar years that can be written in a format."""
    if kind == "fixed_width":
        from evals.golden.render_fixed_width import YEARS

        return tuple(sorted(YEARS))
    return known_years()


def _plan(name: str, kind: DocumentFormat, k: int, number: int) -> Plan:
    """The k-th filing of a format. Years, categories and return types turn at different speeds, so that all of them meet."""
    years = [year for year in years_of(kind) if name != "demo" or year in DEMO_YEARS]
    variant = _variant(name, kind, k)
    anomaly = None if _LEAVES_OUT in variant else _anomaly(kind, k)
    category: Category = ("completa", "simplificada")[k // len(years) % 2]
    corrects = k % _EVERY_NTH_CORRECTS == 1 or anomaly is Anomaly.RETIFICADORA_WITHOUT_RECEIPT
    return_type: ReturnType = "retificadora" if corrects else "original"
    year = years[k % len(years)]
    return Plan(
        id=f"{name}-{number:03d}",
        seed=_FIRST_SEED[name] + number,
        format=kind,
        layout=_layout(name, kind, k, year, category),
        variant=variant,
        year=year,
        category=category,
        return_type=return_type,
        anomalies=(anomaly,) if anomaly else (),
    )


def _anomaly(kind: DocumentFormat, k: int) -> Anomaly | None:
    """Every n-th filing has one, each format beginning with another kind, so that a small set has many kinds too."""
    turn, rest = divmod(k, _EVERY_NTH_IS_ANOMALOUS)
    kinds: Sequence[Anomaly] = _SHOWN_IN_MAIL if kind == "email" else tuple(Anomaly)
    return kinds[(turn + 2 * FORMATS.index(kind)) % len(kinds)] if rest == _EVERY_NTH_IS_ANOMALOUS - 1 else None


def _layout(name: str, kind: DocumentFormat, k: int, year: int, category: Category) -> str:
    if kind == "email":
        return ""
    if kind in ("xml", "fixed_width"):
        # Of two forms that serve a year the renderers write the one that serves fewer years.
        places = [place for place in locator_map(kind) if place.serves(year, category)]
        return min(places, key=lambda place: place.last_year - place.first_year).layout
    if name == "hard" and (kind == "pdf" or k % 3 == 0):
        return HARD_LAYOUTS[k % len(HARD_LAYOUTS)].name
    return layout_of(year).name


def _variant(name: str, kind: DocumentFormat, k: int) -> str:
    if kind == "scan":
        scans = _HARD_SCANS if name == "hard" else _SCANS
        return scans[k % len(scans)]
    if kind != "email":
        return ""
    way = str(k % _EMAIL_VARIANTS)
    leaves_out = name == "hard" and k % 3 == 2
    return f"{way}{_LEAVES_OUT}{_LEFT_OUT[k // 3 % len(_LEFT_OUT)]}" if leaves_out else way
