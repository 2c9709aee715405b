"""A candidate before the gate: found by its name, evaluated beside production, judged, and given its receipt."""

from dataclasses import dataclass
from pathlib import Path

from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, read_candidate
from evals.gate.evaluation import Evaluation
from evals.gate.gate import Verdict, judged
from evals.gate.run import Bench, evaluation_of
from evals.promotion.control import ChangeControl
from evals.promotion.receipt import EvaluationReceipt
from evals.promotion.steps import ACTOR, issue
from resources.settings import Settings

WORKTREE = "worktree"
PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Gated:
    """A judged candidate. `production` is the evaluation of the release in production, whose id is `baseline`: under what runs
    here now, on the sets as they are now. Both are None where nothing serves yet.
    """

    bundle: ReleaseBundle
    evaluation: Evaluation
    verdict: Verdict
    production: Evaluation | None
    baseline: str | None


def gated(
    control: ChangeControl,
    settings: Settings,
    bundle: ReleaseBundle,
    *,
    bench: Bench | None = None,
) -> Gated:
    """The verdict on a candidate's files. Raises IntegrityError where the pointer to production was moved by hand,
    DependencyUnavailable where a model does not answer.
    """
    desk, sets = control.desk, control.sets
    with desk.postgres.connect() as conn:
        serving = releases.production(conn, desk.keyring)
    evaluation = evaluation_of(desk, settings, bundle, sets, bench=bench)
    production = evaluation_of(desk, settings, serving.bundle, sets, bench=bench) if serving else None
    baseline = serving.release.release_id if serving else None
    return Gated(bundle, evaluation, judged(evaluation, production), production, baseline)


def receipt_for(control: ChangeControl, found: Gated, actor: str = ACTOR) -> EvaluationReceipt:
    """The signed receipt of a verdict, of a block too; for an unchanged candidate the one that it has."""
    return issue(
        control,
        found.bundle,
        found.evaluation,
        found.verdict,
        production=found.production,
        baseline=found.baseline,
        actor=actor,
    )


def bundle_named(control: ChangeControl, name: str) -> ReleaseBundle:
    """The files that a name stands for: `worktree`, `production`, a folder with what a candidate changes, or the id of a release
    that is kept, or the first eight of its characters and more. Raises InvalidInput for a name of nothing.
    """
    desk = control.desk
    if name == WORKTREE:
        return desk.bundle
    if Path(name).is_dir():
        return read_candidate(Path(name), desk.bundle)
    with desk.postgres.connect() as conn:
        serving = releases.production(conn, desk.keyring) if name == PRODUCTION else None
        return serving.bundle if serving else releases.kept(conn, name)[1]
