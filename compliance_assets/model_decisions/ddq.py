"""A whole questionnaire in one go: a question is one piece of work, its answers come back as one file.

The questions wait in the queue under the questionnaire's name. What was decided stays: the same file again decides nothing and
writes the same answers; one corrected question is one decision more.
"""

import os
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.decide import reason_code
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year, needs_deciding
from compliance_assets.model_decisions.questionnaire import (
    ANSWER_FORMATS,
    Answered,
    answers_file,
    read_rows,
)
from compliance_assets.model_decisions.releases.serving import served
from compliance_assets.model_decisions.work import WorkItem, unusable_row, work_item_from_row
from resources.checkpoint_log import CheckpointLog

DDQ = "ddq.draft_response"
#: state of a piece of work -> what became of its question; the other states are called alike.
_STATUS = {"done": "decided", "dead": "failed"}
#: Statuses of a question that has no decision yet.
_UNDECIDED = ("queued", "failed")


@dataclass(frozen=True, slots=True)
class DdqReport:
    """What a questionnaire came to: how many questions have which status, and by which reason they wait for a person."""

    batch: str
    questions: int
    decided_now: int
    statuses: dict[str, int]
    reasons: dict[str, int]
    answers: str
    seconds: float

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def answer_questionnaire(
    desk: Desk,
    log: CheckpointLog,
    years: Sequence[int],
    path: Path,
    *,
    year: int | None = None,
    filer_category: str | None = None,
    out: Path | None = None,
) -> DdqReport:
    """Answer every question of a file and write the answers to `out`, by default beside it.

    `year` and `filer_category` are those of rows that name none; `years` are the years served here. Raises InvalidInput for a
    file, a row or a year that is not usable, before anything is decided. What no model answers stays queued, and the file says
    so.
    """
    started = time.monotonic()
    out = out or path.with_name(f"{path.stem}.answers{'.xlsx' if path.suffix.lower() == '.xlsx' else '.csv'}")
    _refuse_out(out, path)
    asked = _asked(path, years, year, filer_category)
    items = list(dict.fromkeys(item for _, item in asked))
    with desk.postgres.connect() as conn:
        release = served(desk, conn).release
        fresh = [item for item in items if needs_deciding(conn, release, item)]
        store.enqueue(conn, fresh)
    for one in sorted({item.year for item in fresh}):
        drain_year(desk, one)
    checkpoint_ledger(desk.postgres, desk.keyring, log)
    answered = _answered(desk, asked)
    _write(out, answers_file(answered, out.suffix.lower()))
    now = {item.work_id for item in fresh}
    return DdqReport(
        batch=path.stem,
        questions=len(asked),
        decided_now=len({a.item.work_id for a in answered if a.item.work_id in now and a.status not in _UNDECIDED}),
        statuses=dict(Counter(a.status for a in answered).most_common()),
        reasons=dict(Counter(code for a in answered if (code := reason_code(a.reason))).most_common()),
        answers=str(out),
        seconds=round(time.monotonic() - started, 2),
    )


def _asked(path: Path, years: Sequence[int], year: int | None, category: str | None) -> list[tuple[int, WorkItem]]:
    """Each row's number and the work that it asks for."""
    given = {name: value for name, value in (("year", year), ("filer_category", category)) if value is not None}
    asked = []
    for row in read_rows(path.name, _read(path)):
        item = work_item_from_row({**given, **row.values}, DDQ, row.number)
        if item.year not in years:
            raise unusable_row(row.number, f"a year from {years[0]} to {years[-1]}", str(item.year))
        asked.append((row.number, replace(item, batch=storable(path.stem))))
    return asked


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InvalidInput(
            "the questions file cannot be read",
            expected="a file that is there",
            found=problem.strerror or type(problem).__name__,
            remedy="Name a file that whoever answers can read.",
        ) from None


def _answered(desk: Desk, asked: Sequence[tuple[int, WorkItem]]) -> list[Answered]:
    work_ids = [item.work_id for _, item in asked]
    with desk.postgres.connect() as conn:
        states = store.work_states(conn, work_ids)
        envelopes = store.envelopes_of_work(conn, desk.keyring, work_ids)
    answered = []
    for number, item in asked:
        state, reason, response_id = states[item.work_id]
        status, envelope = _STATUS.get(state, state), envelopes.get(item.work_id)
        made = None if status in _UNDECIDED else response_id  # of a question asked again it is the former one's
        answered.append(Answered(number, item, status, reason, made, envelope))
    return answered


def _refuse_out(out: Path, path: Path) -> None:
    if out.suffix.lower() not in ANSWER_FORMATS or out.resolve() == path.resolve():
        raise InvalidInput(
            "the answers cannot be written there",
            expected=f"another file than the questions', named *{' or *'.join(ANSWER_FORMATS)}",
            found=out.name,
            remedy="Give --out another name.",
        )


def _write(out: Path, content: bytes) -> None:
    """Into a file that only its owner reads; it is there when it is whole."""
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
            handle.write(content)
        draft.replace(out)
    except OSError as problem:
        raise DependencyUnavailable(
            "the answers cannot be written",
            expected=f"a writable folder at {out.parent}",
            found=problem.strerror or type(problem).__name__,
            remedy="Give --out another place and run it again: nothing is decided twice.",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
