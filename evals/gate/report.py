"""What an evaluation and its verdict say, as rows, as Markdown and for a terminal. Pure.

Rows are of one shape each, ready for a table anywhere. What stands in them is of golden filings: ids, and values that were
generated.
"""

import io
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from evals.gate.evaluation import Case, Evaluation
from evals.gate.gate import Finding, Verdict
from evals.gate.scores import ALL, percentile, quantities

Row = Mapping[str, object]
MOST_ROWS = 40
_GRAVEST = ("zero", "bound", "golden_set")
_NAMED = 6  # cases beside a finding
_WIDTH = 160


def against_rows(verdict: Verdict) -> list[Row]:
    """What blocks, gravest first: each finding with its bound and the first cases."""
    return [_row(finding) for finding in sorted(verdict.against, key=_gravity)]


def score_rows(verdict: Verdict) -> list[Row]:
    """Each score of all filings, beside the class that it is worst of and the difference to production."""
    floors, compared = verdict.of("floor", "ceiling"), {f.score: f for f in verdict.of("regression") if f.group == ALL}
    rows: list[Row] = []
    for of_all in (finding for finding in floors if finding.group == ALL):
        own = [f for f in floors if f.score == of_all.score and f.group != ALL and f.value is not None]
        worst = sorted(own, key=lambda f: f.value or 0.0, reverse=of_all.rule == "ceiling")[:1]
        versus = compared.get(of_all.score)
        rows.append(
            {
                "score": of_all.score,
                "all": _number(of_all.value),
                "n": of_all.n,
                "interval": _interval(of_all),
                "worst class": worst[0].group if worst else "",
                "there": _number(worst[0].value) if worst else "",
                "n there": worst[0].n if worst else "",
                "bound": _number(worst[0].bound if worst else of_all.bound),
                "to production": f"{_signed(versus.value)} {_interval(versus)}".strip() if versus else "",
            }
        )
    return rows


def case_rows(evaluation: Evaluation, verdict: Verdict) -> list[Row]:
    """The filings that the findings name and that something is wrong with, worst first: what was there and what was said."""
    named = {case for finding in verdict.against for case in finding.cases}
    every = (*evaluation.golden, *evaluation.calibration)
    wrong = [case for case in every if case.filing in named and _faults(case)]
    wrong.sort(key=lambda case: (not (case.wrong and case.outcome == "decided"), -len(_faults(case)), case.filing))
    return [
        {
            "filing": case.filing, "format": case.format, "year": case.year, "category": case.category,
            "outcome": case.outcome, "confidence": round(case.confidence, 3), "wrong": "; ".join(_faults(case)),
        }
        for case in wrong
    ]  # fmt: skip


def changed_rows(before: Evaluation, after: Evaluation) -> list[Row]:
    """The answers that differ between two evaluations, part by part, side by side."""
    theirs = {case.filing: case for case in before.golden}
    return [
        {"filing": case.filing, "format": case.format, "part": part, "before": old, "after": new}
        for case in after.golden
        if case.filing in theirs
        for part, old, new in _changes(theirs[case.filing], case)
    ]


def markdown(evaluation: Evaluation, verdict: Verdict, production: Evaluation | None) -> str:
    """The report for Dagster and MLflow."""
    lines = [f"## {headline(evaluation, verdict)}", "", *(f"- {fact}" for fact in facts(evaluation, verdict)), ""]
    for title, rows in _sections(evaluation, verdict, production):
        if rows:
            lines += [f"### {title}", "", *_markdown_table(rows[:MOST_ROWS]), ""]
            lines += [f"and {len(rows) - MOST_ROWS} more", ""] if len(rows) > MOST_ROWS else []
    return "\n".join(lines)


def terminal(evaluation: Evaluation, verdict: Verdict, production: Evaluation | None) -> str:
    """The report for a terminal."""
    console = Console(width=_WIDTH, record=True, file=io.StringIO())
    console.print(headline(evaluation, verdict), style="bold", highlight=False, markup=False)
    for fact in facts(evaluation, verdict):
        console.print(f"  {fact}", highlight=False, markup=False)
    for title, rows in _sections(evaluation, verdict, production):
        if rows:
            console.print(_table(title, rows))
    return console.export_text()


def changed_terminal(rows: Sequence[Row]) -> str:
    """Changed answers for a terminal."""
    console = Console(width=_WIDTH, record=True, file=io.StringIO())
    if rows:
        console.print(_table(f"Changed answers: {len({row['filing'] for row in rows})} filings", rows))
    else:
        console.print("No answer differs.")
    return console.export_text()


def headline(evaluation: Evaluation, verdict: Verdict) -> str:
    """One line."""
    state = "passed" if verdict.passed else f"BLOCKED by {len(verdict.against)} of {len(verdict.findings)} findings"
    return f"Release {evaluation.release.release_id[:12]}: {state}"


def facts(evaluation: Evaluation, verdict: Verdict) -> Iterator[str]:
    """What it was measured on and against, the threshold with its bound, times and tokens."""
    formats = {case.format for case in evaluation.golden}
    yield (
        f"{len(evaluation.golden)} golden filings in {len(formats)} formats ({evaluation.golden_set[:12]}), "
        f"{len(evaluation.calibration)} for calibration ({evaluation.calibration_set[:12]}); scans as read: {evaluation.reading}"
    )
    yield (
        f"{evaluation.citation_attacks.tried} bad citations, {len(evaluation.citation_attacks.accepted)} accepted; "
        f"{evaluation.policy_fixtures.held} examples of the policy held, {len(evaluation.policy_fixtures.failed)} broken"
    )
    for workload, bound in verdict.thresholds.items():
        yield (
            f"{workload} decides without a person from {bound.threshold:g}: {bound.errors} wrong of {bound.n}, at most "
            f"{bound.upper:.2%} with {bound.confidence_level:.0%} certainty, {bound.target:.2%} allowed; "
            f"{bound.coverage:.1%} of filings"
        )
    if not verdict.thresholds:
        yield "a person always decides"
    numbers = {found.name: found.value for found in quantities(evaluation.golden) if found.group.name == ALL}
    p99 = percentile(sorted(case.seconds for case in evaluation.golden), 0.99)
    yield (
        f"the model took {_ms(numbers['seconds_p50'])} (median), {_ms(numbers['seconds_p95'])} (95th percentile), "
        f"{_ms(p99)} (99th); "
        f"{numbers['prompt_tokens'] or 0:.0f} tokens in, {numbers['answer_tokens'] or 0:.0f} out, for a filing"
    )
    yield (
        f"compared with evaluation {verdict.baseline[:12]}"
        if verdict.baseline
        else "nothing is in production to compare with"
    )


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sections(
    evaluation: Evaluation, verdict: Verdict, production: Evaluation | None
) -> Iterator[tuple[str, Sequence[Row]]]:
    yield "What blocks it", against_rows(verdict)
    yield "Scores", score_rows(verdict)
    yield "Filings that these findings name", case_rows(evaluation, verdict)
    if production is not None:
        yield "Answers that differ from production's", changed_rows(production, evaluation)


def _gravity(finding: Finding) -> tuple[int, bool]:
    """What may not happen, before what is too often; all filings before a class of them."""
    return _GRAVEST.index(finding.rule) if finding.rule in _GRAVEST else len(_GRAVEST), finding.group != ALL


def _row(finding: Finding) -> Row:
    named = ", ".join(finding.cases[:_NAMED])
    return {
        "rule": finding.rule,
        "score": finding.score,
        "class": finding.group,
        "value": "not measured" if finding.value is None else _number(finding.value),
        "bound": _number(finding.bound),
        "n": finding.n,
        "interval": _interval(finding),
        "cases": f"{named} and {finding.failed - _NAMED} more" if finding.failed > _NAMED else named,
    }


def _faults(case: Case) -> list[str]:
    found = [] if case.type_right else [f"{case.decision}, is {case.true_type}"]
    found += [f"{kind} missed" for kind in case.true_anomalies if kind not in case.anomalies]
    found += [f"{kind} reported" for kind in case.anomalies if kind not in case.true_anomalies]
    found += [f"{name} read as {value}" for name, value in case.misread.items()]
    found += [f"{name} made up as {value}" for name, value in case.made_up.items()]
    found += [f"{name} left out" for name in case.left_out] if case.decision == case.true_type else []
    found += [*case.problems, *(f"{doc} out of scope" for doc in case.out_of_scope)]
    return found


def _changes(old: Case, new: Case) -> Iterator[tuple[str, str, str]]:
    parts = {
        "decision": (old.decision, new.decision),
        "outcome": (_outcome(old), _outcome(new)),
        "anomalies": (", ".join(old.anomalies), ", ".join(new.anomalies)),
        "citations": (_citations(old), _citations(new)),
        "confidence": (f"{old.confidence:.3f}", f"{new.confidence:.3f}"),
    }
    yield from ((part, *both) for part, both in parts.items() if both[0] != both[1])
    ours, theirs = _fields(new), _fields(old)
    for name in sorted(ours.keys() | theirs.keys()):
        before, after = theirs.get(name, "as stated"), ours.get(name, "as stated")
        if before != after:
            yield name, before, after


def _outcome(case: Case) -> str:
    return f"{case.outcome}: {case.reason}" if case.reason else case.outcome


def _citations(case: Case) -> str:
    return f"{case.citations}" + (f", {', '.join(case.problems)}" if case.problems else "")


def _fields(case: Case) -> dict[str, str]:
    """The fields that were not read as they are stated."""
    return {
        **{name: f"read as {value}" for name, value in case.misread.items()},
        **{name: f"made up as {value}" for name, value in case.made_up.items()},
        **{name: "left out" for name in case.left_out},
    }


def _markdown_table(rows: Sequence[Row]) -> Iterator[str]:
    columns = list(rows[0])
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    yield from (f"| {' | '.join(_cell(row[column]) for column in columns)} |" for row in rows)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(*rows[0], title=title, caption=_more(rows))
    for row in rows[:MOST_ROWS]:
        table.add_row(*(str(value).replace("[", "\\[") for value in row.values()))
    return table


def _more(rows: Sequence[Row]) -> str | None:
    return f"and {len(rows) - MOST_ROWS} more, with --json" if len(rows) > MOST_ROWS else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _interval(finding: Finding) -> str:
    return "" if finding.low is None or finding.high is None else f"[{finding.low:.3f}, {finding.high:.3f}]"


def _ms(seconds: float | None) -> str:
    return "nothing" if seconds is None else f"{1000 * seconds:.1f} ms"
