"""A deployment on its way to a release: an evaluation that passes, a board, and clocks that a test moves."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.contracts.release import Release
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.releases.serving import running_of, served
from evals.gate.evaluation import Attacks, Case, Evaluation, Fixtures
from evals.gate.gate import gate_version, judged
from evals.gate.sets import Sets
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows
from evals.promotion import store
from evals.promotion.control import ChangeControl
from evals.promotion.promote import IntoProduction, promote
from evals.promotion.receipt import EvaluationReceipt
from evals.promotion.shadow import Look, observe
from evals.promotion.soak import FEWEST_SHADOW_DECISIONS, LONGEST_GAP_SECONDS, SOAK_SECONDS
from evals.promotion.steps import approve, issue, stage
from resources.clock import Uptime
from resources.postgres import Connection

ANA, BIA, CAIO, AUTHOR = "Ana Prado", "Bia Sá", "Caio Lima", "Davi Reis"
BOARD = (ANA, BIA, CAIO)
SETS = Sets(generated=0)
#: A Tuesday, 10:00 in São Paulo.
START = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)


@dataclasses.dataclass
class Clocks:
    """All the clocks of one machine. `pass_` is time that passes; the rest is what people do to one of them."""

    wall: datetime = START
    database: datetime = START
    boot: Uptime = dataclasses.field(default_factory=lambda: Uptime("boot-1", 1_000.0))

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.database += timedelta(seconds=seconds)
        self.boot = dataclasses.replace(self.boot, seconds=self.boot.seconds + seconds)

    def read_database(self, _: Connection) -> datetime:
        return self.database


def case(row: Row, **changed: object) -> Case:
    """A filing that was triaged without a fault."""
    values: dict[str, object] = {
        "filing": row["id"],
        "format": row["format"],
        "year": row["year"],
        "category": row["category"],
        "true_type": row["return_type"],
        "outcome": "decided",
        "reason": None,
        "decision": row["return_type"],
        "fields": len(row["fields"]),
        "exact": len(row["fields"]),
        "misread": {},
        "made_up": {},
        "left_out": (),
        "anomalies": tuple(row["anomalies"]),
        "true_anomalies": tuple(row["anomalies"]),
        "citations": len(row["fields"]),
        "supported": len(row["fields"]),
        "problems": (),
        "out_of_scope": (),
        "grounding": 1.0,
        "confidence": 0.99,
        "components": {},
        "sent_back": 0,
        "prompt_tokens": 1_000,
        "answer_tokens": 200,
        "seconds": 0.1,
    }
    return Case.model_validate({**values, **changed})


@cache
def _right(name: str) -> tuple[Case, ...]:
    return tuple(case(row) for row in read_rows(FROZEN[name]))  # type: ignore[index]


def evaluation_of(release: Release, bundle: ReleaseBundle, **changed: object) -> Evaluation:
    """One in which everything is right."""
    values: dict[str, object] = {
        "release": release,
        "golden_set": SETS.golden_digest,
        "calibration_set": SETS.calibration_digest,
        "gate_version": gate_version(),
        "reading": "test",
        "auto_decide": None,
        "contracts": {name: workload.digest for name, workload in bundle.workloads.items()},
        "golden": _right("golden"),
        "calibration": _right("calibration"),
        "citation_attacks": Attacks(tried=10, accepted=()),
        "policy_fixtures": Fixtures(held=10, failed=()),
    }
    return Evaluation.model_validate({**values, **changed})


class Scene:
    """Change control over a deployment in which the shipped release serves."""

    def __init__(self, deployment: Deployment, board: tuple[str, ...] = BOARD, window: str = "") -> None:
        self.clocks = Clocks()
        self.deployment = deployment
        self.desk = dataclasses.replace(deployment.desk, clock=lambda: self.clocks.wall)
        self.control = ChangeControl(
            self.desk,
            board,
            window,
            uptime=lambda: self.clocks.boot,
            database_clock=self.clocks.read_database,
            sets=SETS,
        )
        with self.connect() as conn:
            self.installed = served(self.desk, conn).release

    def connect(self) -> AbstractContextManager[Connection]:
        return self.deployment.postgres.connect()

    def production(self) -> str:
        with self.connect() as conn:
            return served(self.desk, conn).release.release_id

    def changed(self, words: str) -> ReleaseBundle:
        """The shipped files with a sentence more in the prompt of the triage."""
        bundle = self.desk.bundle
        file = f"prompts/{bundle.workload('irpf.triage').prompt.file}"
        return bundle.with_files({file: bundle.files[file] + f"\n{words}\n".encode()})

    def manifest(self, bundle: ReleaseBundle) -> Release:
        return bundle.manifest(running_of(self.desk.embedder, SETS.golden_digest))

    def evaluated(self, bundle: ReleaseBundle, **changed: object) -> EvaluationReceipt:
        """The receipt of an evaluation of these files beside what is in production now."""
        with self.connect() as conn:
            now = served(self.desk, conn)
        production = evaluation_of(self.manifest(now.desk.bundle), now.desk.bundle)
        candidate = evaluation_of(self.manifest(bundle), bundle, **changed)
        return issue(
            self.control,
            bundle,
            candidate,
            judged(candidate, production),
            production=production,
            baseline=now.release.release_id,
        )

    def staged(self, bundle: ReleaseBundle, **changed: object) -> str:
        receipt = self.evaluated(bundle, **changed)
        stage(self.control, receipt.release_id, [AUTHOR])
        return receipt.release_id

    def approved(self, release_id: str) -> str:
        for name in (ANA, BIA):
            approve(self.control, release_id, name)
        return release_id

    def soaked(self, release_id: str, hours: float = SOAK_SECONDS / 3600, shadow: int = FEWEST_SHADOW_DECISIONS) -> str:
        """Observed hourly, as if real decisions had been decided again at the first look."""
        passed = 0.0
        while passed < hours * 3600:
            step = min(LONGEST_GAP_SECONDS, hours * 3600 - passed)
            self.clocks.pass_(step)
            passed += step
            with self.connect() as conn:
                candidate = store.candidacy(conn, self.desk.keyring, release_id)
            observe(self.control, candidate, lambda *_: Look(0, shadow, shadow, (), 0, {}))
        return release_id

    def ready(self, words: str) -> str:
        """A candidate that may be promoted."""
        return self.approved(self.soaked(self.staged(self.changed(words))))

    def promote(self, words: str) -> IntoProduction:
        return promote(self.control, self.ready(words))

    def refusals(self) -> list[tuple[str, str, str]]:
        """(step, why, actor) of every refusal in the ledger, in order."""
        with self.connect() as conn:
            entries = ledger.entries_of_kind(conn, "promotion_refused")
        return [(str(b["step"]), str(b["why"]), e.actor) for e in entries if (b := ledger.body_of(e))]


def why_of(step: Callable[[], object]) -> str:
    """The code with which a step is refused; the error's class where it is no refusal."""
    try:
        step()
    except ComplianceError as problem:
        return str(getattr(problem, "why", type(problem).__name__))
    return "done"


def changed_label(source: Path, folder: Path) -> Path:
    """A golden set in which one label is another."""
    text = source.read_text(encoding="utf-8")
    changed = folder / source.name
    changed.write_text(text.replace('"return_type":"original"', '"return_type":"retificadora"', 1), encoding="utf-8")
    assert changed.read_bytes() != source.read_bytes()
    return changed
