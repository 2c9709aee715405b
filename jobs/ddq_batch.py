"""The job `ddq_batch`: a whole questionnaire in one go, as the verb `ddq` answers it."""

from pathlib import Path

import dagster as dg

from compliance_assets import metadata, policies
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.model_decisions.ddq import answer_questionnaire
from compliance_assets.model_decisions.desk import Desk
from resources.checkpoint_log import CheckpointLog
from resources.settings import Settings


class Questionnaire(dg.Config):
    """`path`: a CSV, XLSX, JSON Lines or text file where the run is; `year` and `category` of questions whose row names none."""

    path: str
    year: int | None = None
    category: str | None = None


@dg.op(retry_policy=policies.RETRY_TRANSIENT)
def answer_questions(
    context: dg.OpExecutionContext,
    config: Questionnaire,
    desk: dg.ResourceParam[Desk],
    checkpoint_log: dg.ResourceParam[CheckpointLog],
    settings: dg.ResourceParam[Settings],
) -> None:
    """Decide what was not decided yet and write the answers beside the questions."""
    try:
        report = answer_questionnaire(
            desk, checkpoint_log, settings.years, Path(config.path), year=config.year, filer_category=config.category
        )
    except InvalidInput as problem:  # what was found may be a question: it stays out of the log
        raise dg.Failure(f"{problem.problem}: expected {problem.expected}", allow_retries=False) from None
    context.add_output_metadata(
        {
            "questions": report.questions,
            "decided_now": report.decided_now,
            **{f"status/{status}": count for status, count in report.statuses.items()},
            **{f"reason/{reason}": count for reason, count in report.reasons.items()},
            "answers": metadata.masked(report.answers),
            "seconds": report.seconds,
        }
    )


@dg.job(name="ddq_batch", description="Answer every question of a questionnaire and write the answers beside it.")
def ddq_batch() -> None:
    """One op: the work table is the only state."""
    answer_questions()
