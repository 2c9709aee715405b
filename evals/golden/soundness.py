"""Whether a frozen set can be trusted to judge: its documents come out again, its strata are filled, its truth adds up."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from compliance_assets.normalised_documents.filings.fields import Field, Filing, LocatedField
from compliance_assets.normalised_documents.filings.rules import broken
from evals.golden.declaration import Anomaly
from evals.golden.golden_set import FORMATS, Row, plan_of, row_of

LEAST_OF_A_STRATUM = 5
LEAST_OF_AN_ANOMALY = 10
_PROCESSES = 2


def unreproduced(rows: Sequence[Row]) -> list[str]:
    """The ids of the rows that, made again from their plan, differ: in a digest of the document, or in its truth."""
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        again = pool.map(_made_again, rows, chunksize=5)
        return [row["id"] for row, made in zip(rows, again, strict=True) if made != row]


def unfilled_strata(rows: Iterable[Row]) -> list[str]:
    """Cells of format, category and return type, formats, years and anomalies that have too few filings to say anything."""
    cells: Counter[str] = Counter()
    for row in rows:
        cells[f"{row['format']}, {row['category']}, {row['return_type']}"] += 1
        cells[f"year {row['year']}"] += 1
        cells.update(f"anomaly {anomaly}" for anomaly in row["anomalies"])
    wanted = {f"{f}, {c}, {t}": LEAST_OF_A_STRATUM for f in FORMATS for c in _CATEGORIES for t in _RETURN_TYPES}
    wanted |= {f"year {year}": LEAST_OF_A_STRATUM for year in _YEARS}
    wanted |= {f"anomaly {anomaly}": LEAST_OF_AN_ANOMALY for anomaly in Anomaly}
    return [f"{cell}: {cells[cell]}, at least {least}" for cell, least in wanted.items() if cells[cell] < least]


def contradictions(rows: Iterable[Row]) -> Iterator[str]:
    """Rows without an anomaly that break a rule, and rows whose anomaly breaks none."""
    for row in rows:
        rules = sorted(finding.rule for finding in broken(truth_of(row)))
        if bool(rules) != bool(row["anomalies"]):
            yield f"{row['id']}: {', '.join(row['anomalies']) or 'no anomaly'}; breaks {', '.join(rules) or 'no rule'}"


def truth_of(row: Row) -> Filing:
    """What the document of a row states. `layout` is the row's, which decides whether a payer should be listed."""
    located = []
    for key, found in row["fields"].items():
        name, _, ordinal = key.rstrip("]").partition("[")
        located.append(LocatedField(Field(name), found["value"], found["start"], found["end"], int(ordinal or 1)))
    return Filing(row["layout"], tuple(located))


_CATEGORIES = ("completa", "simplificada")
_RETURN_TYPES = ("original", "retificadora")
_YEARS = range(2015, 2026)


def _made_again(row: Row) -> Row:
    made: Row = json.loads(json.dumps(row_of(plan_of(row))))
    return made
