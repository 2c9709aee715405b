"""A row of a golden set: how one invented filing is made, its digests, and the truth of what it states.

A row makes its document again from itself, so that a set is frozen as rows and not as files. What the sets hold is
planned in `plans.py`.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, get_args

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden.anomalies import draw_declaration
from evals.golden.declaration import Anomaly, Category, Declaration, ReturnType
from evals.golden.layouts import layout_named
from evals.golden.rendered import DocumentFormat, Rendered

FORMATS: tuple[DocumentFormat, ...] = get_args(DocumentFormat)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a filing is made from.

    `layout` names a printed layout, or the locator map's of XML and fixed-width files; an e-mail has none. `variant` is, of
    a scan, quality and container (`hard-jpeg`), of an e-mail the way of writing and what it leaves out (`3`,
    `3-without-tax_due`), else empty.
    """

    id: str
    seed: int
    format: DocumentFormat
    layout: str
    variant: str
    year: int
    category: Category
    return_type: ReturnType
    anomalies: tuple[Anomaly, ...]

    def declaration(self) -> Declaration:
        """The return that the filing states."""
        anomaly = self.anomalies[0] if self.anomalies else None
        return draw_declaration(_rng(self), self.year, self.category, self.return_type, anomaly)

    def render(self) -> Rendered:
        """The filing as a file."""
        return _render(self, self.declaration())


def row_of(plan: Plan) -> dict[str, Any]:
    """The plan with the path and the digests of its document, and every field that the document states.

    A field has its canonical `value`, the `page` (from 1), the span `[start, end)` of the reference text in code points,
    and what stands there, `printed`.
    """
    rendered = plan.render()
    return {
        **asdict(plan),
        "path": f"filings/{plan.id}{rendered.suffix}",
        "sha256": hashlib.sha256(rendered.data).hexdigest(),
        "text_sha256": hashlib.sha256(rendered.text.encode()).hexdigest(),
        "fields": _fields(plan.declaration(), rendered),
    }


def render_row(row: Row) -> Rendered:
    """The document of a row, made anew."""
    return plan_of(row).render()


def plan_of(row: Row) -> Plan:
    """What a row was made from."""
    names = Plan.__dataclass_fields__
    return Plan(**{n: row[n] for n in names if n != "anomalies"}, anomalies=tuple(map(Anomaly, row["anomalies"])))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a frozen set."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def lines_of(rows: Iterable[Row]) -> str:
    """Rows as JSON lines, the same for the same rows."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def _fields(declaration: Declaration, rendered: Rendered) -> dict[str, dict[str, str | int]]:
    values = declaration.values()
    return {
        key: {
            "value": values[key],
            "page": bisect_left(rendered.page_ends, end) + 1,
            "start": start,
            "end": end,
            "printed": rendered.text[start:end],
        }
        for key, (start, end) in rendered.spans.items()
    }


def _rng(plan: Plan) -> Random:
    return Random(plan.seed)  # noqa: S311 (nothing here is secret: the same seed has to give the same filing)


def _render(plan: Plan, declaration: Declaration) -> Rendered:
    """Renderers are imported where they are used: each brings the libraries of its format."""
    match plan.format:
        case "pdf":
            from evals.golden.render_page import render_pdf

            return render_pdf(declaration, layout_named(plan.layout))
        case "scan":
            from evals.golden.render_scan import QUALITIES, render_scan

            quality, container = plan.variant.split("-")
            paper = layout_named(plan.layout)
            return render_scan(declaration, paper, _rng(plan), QUALITIES[quality], container)  # type: ignore[arg-type]
        case "xml":
            from evals.golden import render_xml

            return render_xml.render(declaration)
        case "fixed_width":
            from evals.golden import render_fixed_width

            return render_fixed_width.render(declaration)
        case "email":
            from evals.golden import render_email

            way, _, left_out = plan.variant.partition("-without-")
            return render_email.render(declaration, int(way), Field(left_out) if left_out else None)
