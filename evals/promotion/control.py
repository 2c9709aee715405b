"""Change control: what every step of a release is held against, and how a step is taken and a refusal recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.serving import running_of
from evals.gate.gate import gate_version
from evals.gate.sets import WHOLE, Sets
from evals.promotion import store
from evals.promotion.receipt import Today
from evals.promotion.refusal import Refused
from evals.promotion.soak import Reading
from evals.promotion.window import Window, windows_of
from resources.clock import Uptime, system_uptime
from resources.postgres import Connection
from resources.tracking import Tracking

#: How far the process's clock may stand from the database server's where a moment decides something.
CLOCKS_AGREE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class ChangeControl:
    """`desk` decides for the deployment; its bundle is the candidate. `board` are the names of the change board, `window` when a
    release may be promoted (`window.py`). `sets` is what candidates are measured on, `tracking` mirrors what is in production.
    """

    desk: Desk
    board: tuple[str, ...]
    window: str
    tracking: Tracking | None = None
    sets: Sets = WHOLE
    uptime: Callable[[], Uptime | None] = system_uptime
    database_clock: Callable[[Connection], datetime] = field(default=store.database_clock)

    def __post_init__(self) -> None:
        _ = self.windows  # a window that is none is told at the start

    @property
    def windows(self) -> tuple[Window, ...]:
        """Raises InvalidInput for a text that names none."""
        return windows_of(self.window)

    def candidate(self) -> Release:
        """The manifest of the working tree's files under what runs here."""
        return self.desk.bundle.manifest(running_of(self.desk.embedder, self.sets.golden_digest, self.desk.reranker))

    def reading(self, conn: Connection) -> Reading:
        """The clocks."""
        up = self.uptime()
        return Reading(
            self.desk.clock(), self.database_clock(conn), up.boot_id if up else None, up.seconds if up else None
        )

    def today(self, conn: Connection) -> Today:
        """Raises IntegrityError where the pointer was moved by hand, Refused where the clocks do not agree."""
        reading = self.reading(conn)
        apart = abs((reading.wall - reading.database).total_seconds())
        if apart > CLOCKS_AGREE_SECONDS:
            raise Refused(
                "clocks_disagree",
                "the clock here and the database server's do not agree",
                expected=f"at most {CLOCKS_AGREE_SECONDS:.0f} seconds between them",
                found=f"{apart:.0f} seconds",
                remedy="Set both by the network's time.",
            )
        production = releases.production(conn, self.desk.keyring)
        return Today(
            reading.wall,
            self.sets.golden_digest,
            self.sets.calibration_digest,
            gate_version(),
            production.release.release_id if production else None,
        )

    def require_runs_here(self, release: Release) -> None:
        """Raises Refused where other code or another model runs than the release was evaluated with."""
        differing = self.differing(release)
        if differing:
            raise Refused(
                "runs_otherwise",
                "what runs here is not what the release was evaluated with",
                expected="; ".join(f"{name} {pinned}" for name, (pinned, _) in differing.items()),
                found="; ".join(f"{name} {now}" for name, (_, now) in differing.items()),
                remedy="Run what the release names, or evaluate the candidate with what runs.",
            )

    def differing(self, release: Release) -> dict[str, tuple[str, str]]:
        """part -> (what the release pins, what runs here), of the parts that are not the same."""
        running = running_of(self.desk.embedder, release.golden_set, self.desk.reranker)
        names = ("code_version", "chunker", "embedder_digest", "index_parameters")
        pairs = {name: (str(getattr(release, name)), str(getattr(running, name))) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @contextmanager
    def step(self, name: str, release_id: str, actor: str) -> Iterator[Connection]:
        """One transaction of one step, no other of them at the same time. A refusal is recorded, and raised."""
        by = clear_text(actor, "name")
        with self.desk.postgres.connect() as conn:
            try:
                with conn.transaction():
                    store.lock(conn)
                    yield conn
            except IntegrityError as refused:
                why = refused.why if isinstance(refused, Refused) else "integrity"
                store.refuse(conn, self.desk.keyring, release_id, name, why, by, self.desk.clock())
                conn.commit()
                raise
