"""Verbs of who runs it: the database, the corpus, questions and their decisions."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, verb
from compliance_assets.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@verb
def up(deployment: "Deployment") -> Result:
    """Start the database and keep it running; create the schema and the keys where they are missing."""
    deployment.prepare()
    if deployment.postgres.embedded:
        deployment.postgres.embedded.stay_up()
    return (
        {"up": True, "data_dir": str(deployment.settings.data_dir)},
        terminal.say(f"Up. Data in {deployment.settings.data_dir}"),
        0,
    )


@verb
def down(deployment: "Deployment") -> Result:
    """Stop the embedded database."""
    embedded = deployment.postgres.embedded
    stopped = embedded.stop() if embedded else False
    return {"stopped": stopped}, terminal.say("Stopped." if stopped else "Nothing of ours was running."), 0


@verb
def status(deployment: "Deployment") -> Result:
    """What is here: documents, indexes, queued work, the ledger."""
    from compliance_assets.evidence.store import overview

    embedded = deployment.postgres.embedded
    if embedded and not embedded.exists:
        return (
            {"initialised": False},
            terminal.say(f"Nothing in {deployment.settings.data_dir} yet. Begin with `compliance demo`."),
            0,
        )
    was_running = embedded.runs if embedded else True
    with deployment.postgres.connect() as conn:
        found = {"initialised": True, "server_was_running": was_running, **overview(conn)}
    return found, lambda: terminal.show_status(found), 0


@verb
@click.argument("folder", metavar="DIR")
def ingest(deployment: "Deployment", folder: str) -> Result:
    """Take in every file of DIR (a folder or an fsspec URL) and bring the indexes of its years up to date."""
    from compliance_assets import commands

    report = commands.ingest(deployment, folder)
    return report.as_json(), lambda: terminal.show_corpus(report.as_json()), 0 if report.checks_passed else 1


@verb
@click.argument("query")
@click.option(
    "--year", type=int, help="The year to search; hits of other years are refused. Without it: as QUERY names it."
)
@click.option("--category", help="The filer category to search.")
@click.option("--top-k", type=click.IntRange(1, 1000), default=8, show_default=True)
@click.option(
    "--opt-in-year", "opt_in_years", type=int, multiple=True, help="Also search this year; recorded in each hit."
)
def retrieve(
    deployment: "Deployment",
    query: str,
    year: int | None,
    category: str | None,
    top_k: int,
    opt_in_years: tuple[int, ...],
) -> Result:
    """The passages that answer QUERY best: in a year, or in the years and the category that QUERY itself names."""
    from compliance_assets.contracts.hit import RetrievalScope
    from compliance_assets.year_index.search import ask, search

    if not query.strip():
        raise InvalidInput("the query is empty", expected="text", found="nothing", remedy="Say what to look for.")
    if year is None and (category is not None or opt_in_years):
        raise InvalidInput(
            "a category or further years, and no year",
            expected="--year beside --category and --opt-in-year, or none of them",
            found="no --year",
            remedy="Name the year; or name year and filer in the query and leave all three out.",
        )
    scope = None if year is None else RetrievalScope(year=year, filer_category=category, opt_in_years=opt_in_years)
    with deployment.postgres.connect() as conn:
        asked = ask(conn, deployment.embedder, query, scope)
        found = search(conn, asked, top_k, deployment.reranker)
    return (
        [r.hit.model_dump(mode="json") for r in found],
        lambda: terminal.show_hits([(r.hit, r.text) for r in found]),
        0,
    )


@verb
@click.option("--workload", default="ddq.draft_response", show_default=True)
@click.option("--year", type=int, help="The year that the question is about.")
@click.option("--category", help="The filer category that the question is about.")
@click.option("--question", help="One question.")
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Lines, CSV or XLSX: id, question, year, filer_category.",
)
@click.option("--opt-in-year", "opt_in_years", type=int, multiple=True, help="Also search this year; recorded.")
@click.option("--user", help="Who asks; the policy may want to know, and it is recorded.")
@click.option("--classification", help="How protected the question is: public, internal, confidential, pii, phi.")
def decide(
    deployment: "Deployment",
    workload: str,
    year: int | None,
    category: str | None,
    question: str | None,
    questions: Path | None,
    opt_in_years: tuple[int, ...],
    user: str | None,
    classification: str | None,
) -> Result:
    """Answer a question, or a file of them, with cited text; every decision goes into the ledger."""
    from compliance_assets import commands
    from compliance_assets.governance.policy import classification_named
    from compliance_assets.model_decisions.work import WorkItem
    from compliance_assets.model_decisions.workloads import workload_named

    needs_document = workload_named(workload).retrieval.subject == "document"
    if needs_document:
        raise InvalidInput(
            f"{workload} is about a document, not a question",
            expected="a workload that answers questions",
            found=workload,
            remedy="`compliance triage` decides every filing that nobody triaged yet.",
        )
    protected = classification_named(classification) if classification else None
    if (question is None) == (questions is None) or (question is not None and year is None):
        raise InvalidInput(
            "what is to be decided is not clear",
            expected="--question TEXT with --year Y, or --questions FILE",
            found=f"question={question!r}, year={year!r}, questions={str(questions) if questions else None!r}",
            remedy="Give one of the two forms.",
        )
    if questions is not None:
        items = [
            replace(item, user=user, classification=protected)
            for item, _ in commands.read_questions(questions, workload)
        ]
    else:
        assert question is not None
        assert year is not None
        text = commands.usable_question(question)
        items = [WorkItem(workload, year, text, category, opt_in_years, user=user, classification=protected)]
    decided = commands.decide(deployment, items)
    envelopes = [envelope.model_dump(mode="json") for envelope in decided]
    return envelopes if questions else envelopes[0], lambda: terminal.show_decisions(envelopes), 0


@verb
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--year", type=int, help="The year of questions whose row names none.")
@click.option("--category", help="The filer category of questions whose row names none.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A CSV or XLSX (default: FILE's name with .answers)."
)
def ddq(deployment: "Deployment", file: Path, year: int | None, category: str | None, out: Path | None) -> Result:
    """Answer a whole questionnaire (CSV, XLSX, JSON Lines, or text with a question a line) into one file, each with its citations.

    Running it again decides nothing twice. Exit code 3 where questions wait for a model, 1 where one failed.
    """
    from compliance_assets import commands

    report = commands.ddq(deployment, file, year, category, out)
    code = 3 if "queued" in report.statuses else 1 if "failed" in report.statuses else 0
    return report.as_json(), lambda: terminal.show_ddq(report.as_json()), code


@verb
@click.option("--year", "years", type=int, multiple=True, help="Of this year alone; default: every year.")
def triage(deployment: "Deployment", years: tuple[int, ...]) -> Result:
    """Triage every filing that nobody triaged yet: return type, fields, anomalies, each cited."""
    from compliance_assets import commands

    report = commands.triage(deployment, years)
    return report, lambda: terminal.show_triage(report), 0


@verb
@click.option(
    "--source",
    metavar="DIR",
    help="A folder of documents (default: invented income-tax filings and the law of their years, written for this).",
)
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Lines of questions (default, without --source: questions on that law).",
)
def demo(deployment: "Deployment", source: str | None, questions: Path | None) -> Result:
    """From a folder of filings to a verified ledger: take in, index, decide, verify."""
    from compliance_assets import commands

    if source is None:
        from evals.golden.generate import write_demo

        folder = deployment.settings.data_dir / "demo"
        own_questions = write_demo(folder)
        source, questions = str(folder / "documents"), questions or own_questions
    report = commands.demo(deployment, source, questions)
    return report, lambda: terminal.show_demo(report), 0 if report["verified"] and report["checks_passed"] else 1
