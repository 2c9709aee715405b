"""Verbs of who reviews: what waits for a person, a verdict on it, and what people and systems were told."""

import getpass
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, compliance, verb, verb_of
from compliance_assets.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment
    from compliance_assets.review.cases import Case


@compliance.group()
def review() -> None:
    """Decisions that wait for a person: list, show, approve, reject, override."""


review_verb = partial(verb_of, review)
reviewer_option = click.option("--by", "reviewer", required=True, metavar="NAME", help="Who signs; kept for ever.")


@review_verb
@click.option("--queue", type=click.Choice(["review", "quarantine"]), help="Only this queue.")
@click.option("--year", type=int, help="Only this year.")
@click.option("--workload", help="Only this workload.")
@click.option(
    "--state",
    type=click.Choice(["open", "approved", "rejected", "overridden", "all"]),
    default="open",
    show_default=True,
)
def list_(deployment: "Deployment", queue: str | None, year: int | None, workload: str | None, state: str) -> Result:
    """What waits for a person, quarantined answers first, then the oldest."""
    from compliance_assets.cli.review_screens import show_cases
    from compliance_assets.review.cases import cases

    with deployment.postgres.connect() as conn:
        found = cases(conn, state=None if state == "all" else state, queue=queue, year=year, workload=workload)
    rows = [case.as_json() for case in found]
    return rows, lambda: show_cases(rows), 0


@review_verb
@click.argument("response_id")
@click.option(
    "--by", "reviewer", metavar="NAME", help="Who looks (default: the login; a quarantined answer needs a name)."
)
def show(deployment: "Deployment", response_id: str, reviewer: str | None) -> Result:
    """A case with its answer and quotes, why it is here, prompt, hits and signatures. Quarantined answers are shown here alone.

    The ledger keeps who looked at which case, and when.
    """
    from compliance_assets.cli.review_screens import show_case
    from compliance_assets.review.cases import viewed

    clock, login = deployment.archive.clock, getpass.getuser()
    found = viewed(deployment.postgres, deployment.keyring, clock, response_id, reviewer, login).as_json()
    return found, lambda: show_case(found), 0


@review_verb
@click.argument("response_id")
@reviewer_option
@click.option("--rationale", default="", help="Why; sealed like the decision itself.")
def approve(deployment: "Deployment", response_id: str, reviewer: str, rationale: str) -> Result:
    """Sign the answer as it stands."""
    from compliance_assets.review import cases

    return _signed(deployment, cases.approve, response_id, reviewer, rationale)


@review_verb
@click.argument("response_id")
@reviewer_option
@click.option("--rationale", required=True, help="Why; sealed like the decision itself.")
def reject(deployment: "Deployment", response_id: str, reviewer: str, rationale: str) -> Result:
    """Close the case without a decision."""
    from compliance_assets.review import cases

    return _signed(deployment, cases.reject, response_id, reviewer, rationale)


@review_verb
@click.argument("response_id")
@reviewer_option
@click.option("--decision", required=True, help="What is decided instead; one of the workload's decisions.")
@click.option("--rationale", required=True, help="Why; sealed like the decision itself.")
def override(deployment: "Deployment", response_id: str, reviewer: str, decision: str, rationale: str) -> Result:
    """Put another decision in the place of the model's."""
    from compliance_assets.review import cases

    return _signed(deployment, cases.override, response_id, reviewer, decision, rationale)


@verb
@click.option("--dead", is_flag=True, help="Only what was given up.")
@click.option("--redrive", "notification_id", metavar="ID", help="Put a dead one back into the queue.")
@click.option("--limit", type=click.IntRange(1), default=1_000, show_default=True, help="The newest to list.")
def notifications(deployment: "Deployment", dead: bool, notification_id: str | None, limit: int) -> Result:
    """What people and systems were or will be told; or one step of it."""
    from compliance_assets.cli.review_screens import show_notifications
    from compliance_assets.review import notifications as outbox

    if dead and notification_id:
        raise InvalidInput(
            "what is to be done is not clear",
            expected="--dead, or --redrive ID, or neither",
            found=f"--dead and --redrive {notification_id}",
            remedy="Give one of them.",
        )
    with deployment.postgres.connect() as conn:
        if notification_id:
            outbox.redrive(conn, deployment.archive.clock, notification_id)
            return {"queued": notification_id}, terminal.say(f"Queued again: {notification_id}"), 0
        rows = [told.as_json() for told in outbox.notifications(conn, "dead" if dead else None, limit)]
    return rows, lambda: show_notifications(rows), 0


def _signed(deployment: "Deployment", sign: "Callable[..., Case]", response_id: str, *said: str) -> Result:
    case = sign(deployment.postgres, deployment.keyring, deployment.archive.clock, response_id, *said)
    if case.state == "open":
        words = f"{len(case.signatures)} of {case.signatures_needed} signatures; a second person has to say the same."
    else:
        words = f"{case.state}, by {'; '.join(signature.reviewer for signature in case.signatures)}"
    return case.as_json(), terminal.say(f"{case.response_id}: {words}"), 0
