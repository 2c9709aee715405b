"""Verbs of who answers for a release: stage it, approve it, promote it, roll back, and see what serves and what waits."""

from functools import partial
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, compliance, verb, verb_of

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment
    from evals.promotion.promote import IntoProduction


@compliance.group()
def release() -> None:
    """Releases: list, show, stage, approve. Nothing serves that was not promoted."""


release_verb = partial(verb_of, release)


@release_verb
def list_(deployment: "Deployment") -> Result:
    """Every release: which serves, which are on their way, and what they lack."""
    from compliance_assets.cli.release_screens import show_releases
    from evals.promotion.overview import release_rows

    control = deployment.change_control
    with deployment.postgres.connect() as conn:
        rows = release_rows(control, conn)
    return rows, lambda: show_releases(rows), 0


@release_verb
@click.argument("release_id")
def show(deployment: "Deployment", release_id: str) -> Result:
    """One release: what it changes, what the gate found, how far it soaked, who approved, what was refused."""
    from compliance_assets.cli.release_screens import show_release
    from evals.promotion.overview import release_details

    found = release_details(deployment.change_control, release_id)
    return found, lambda: show_release(found), 0


@release_verb
@click.argument("release_id")
@click.option("--author", "authors", required=True, multiple=True, metavar="NAME", help="Who wrote the change; each.")
def stage(deployment: "Deployment", release_id: str, authors: tuple[str, ...]) -> Result:
    """Begin the soak of a candidate that passed the gate. Its authors cannot approve it."""
    from evals.promotion import steps

    found = steps.stage(deployment.change_control, release_id, authors).staging
    assert found is not None
    shown = {"staged_at": found.at, "authors": list(found.authors), "receipt_digest": found.receipt_digest}
    return shown, terminal.say(f"Staged: {found.soak.wording}."), 0


@release_verb
@click.argument("release_id")
@click.option("--approver", required=True, metavar="NAME", help="A member of the change board; kept for ever.")
def approve(deployment: "Deployment", release_id: str, approver: str) -> Result:
    """Answer for a staged candidate; two of the change board have to."""
    from evals.promotion import steps
    from evals.promotion.board import APPROVERS

    found = steps.approve(deployment.change_control, release_id, approver).staging
    assert found is not None
    words = f"Approved by {', '.join(found.approvers)}: {len(found.approvers)} of {APPROVERS}."
    return {"approvers": list(found.approvers), "needed": APPROVERS}, terminal.say(words), 0


@verb
@click.argument("release_id")
@click.option("--by", "actor", default="compliance-assets", metavar="NAME", help="Who promotes it.")
def promote(deployment: "Deployment", release_id: str, actor: str) -> Result:
    """Put a candidate into production, if it passed, was approved by two, soaked, and the window is open."""
    from evals.promotion.promote import promote as moved

    return _moved(moved(deployment.change_control, release_id, actor))


@verb
@click.option("--to", "release_id", metavar="RELEASE", help="Another release than the one before.")
@click.option("--approver", required=True, metavar="NAME", help="A member of the change board; kept for ever.")
@click.option("--rationale", required=True, help="Why; kept in the clear, so name no person.")
def rollback(deployment: "Deployment", release_id: str | None, approver: str, rationale: str) -> Result:
    """Put the release that was in production before back, byte for byte."""
    from evals.promotion.rollback import rollback as moved

    return _moved(moved(deployment.change_control, approver, rationale, release_id))


def _moved(done: "IntoProduction") -> Result:
    from compliance_assets.cli.release_screens import show_move

    found = {
        "kind": done.kind,
        "release_id": done.release_id,
        "instead_of": done.instead_of,
        "entry": done.seq,
        "receipt": done.receipt.model_dump(mode="json") if done.receipt else None,
        "not_mirrored": done.not_mirrored,
        "must_run": {name: pinned for name, (pinned, _) in done.runs_otherwise.items()},
    }
    return found, lambda: show_move(found), 0
