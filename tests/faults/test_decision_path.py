"""What fails around a decision: what its user sees, what the ledger holds, what resumes. Nothing is answered past a failure."""

import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.policy import PolicyMode
from compliance_assets.deployment import Deployment
from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from resources import postgres as postgres_module
from resources.policy import OpaEngine
from resources.providers import Completion, ModelRequest
from resources.settings import Settings
from tests.model_decisions.builders import Only
from tests.model_decisions.conftest import Office
from tests.opa_server import OpaServer, opa_server

CUSTODY, RESERVE = "Where are the assets of Northwind held?", "What reserve does the fund keep?"


@dataclasses.dataclass(frozen=True)
class Counting(Only):
    """The extractive model, counting who is asked; `while_asked` happens in the middle of it."""

    calls: list[str] = dataclasses.field(default_factory=list)
    while_asked: Callable[[], None] = lambda: None

    def ask(self, request: ModelRequest, models: Sequence[str], **restrictions: object) -> Completion:
        self.calls.append(request.prompt)
        self.while_asked()
        return super().ask(request, models, **restrictions)


def counting(while_asked: Callable[[], None] = lambda: None) -> Counting:
    return Counting(ExtractiveModel(), while_asked=while_asked)


@pytest.fixture
def office(deployment: Deployment) -> Office:
    made = Office(deployment)
    made.corpus.add(2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent.")
    made.corpus.build(2021)
    drain_year(made.desk(ExtractiveModel()), 2021)
    return made


def outcomes(office: Office) -> list[tuple[str, str | None]]:
    with office.deployment.postgres.connect() as conn:
        return [(row.outcome, row.reason) for row in store.decisions_of(conn, 2021)]


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def opa(deployment: Deployment) -> Iterator[OpaServer]:
    with opa_server(deployment.policy.bundle) as server:
        yield server


@pytest.fixture
def through(opa: OpaServer) -> Iterator[Callable[..., Desk]]:
    """A desk whose policy is asked of the server."""
    engines: list[OpaEngine] = []

    def make(desk: Desk, mode: PolicyMode = "enforce") -> Desk:
        engines.append(OpaEngine(opa.url, desk.policy.bundle, mode))
        return dataclasses.replace(desk, policy=engines[-1])

    yield make
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("behaviour", ["slow", "HTTP 500", "not JSON", "lies", "undefined", "hangs up", "down"])
def test_a_policy_that_does_not_answer_soundly_denies_before_anything_is_read_or_asked(
    office: Office, opa: OpaServer, through: Callable[..., Desk], behaviour: str
) -> None:
    models = counting()
    desk = through(dataclasses.replace(office.deployment.desk, models=models))
    office.ask(CUSTODY)
    if behaviour == "down":
        opa.shutdown()
        opa.server_close()
    else:
        opa.behaviour = behaviour
    drain_year(desk, 2021)

    assert models.calls == []
    assert outcomes(office) == [("denied", "policy_denied")]
    assert office.work()[CUSTODY][0] == "denied"
    assert office.recorded() == [CUSTODY]


def test_who_asks_again_when_the_policy_is_back_gets_an_answer(
    office: Office, opa: OpaServer, through: Callable[..., Desk]
) -> None:
    desk = through(office.desk(ExtractiveModel()))
    opa.behaviour = "HTTP 500"
    office.ask(CUSTODY)
    drain_year(desk, 2021)
    opa.behaviour = "good"
    office.ask(CUSTODY)
    drain_year(desk, 2021)

    assert sorted(outcomes(office)) == [("decided", None), ("denied", "policy_denied")]
    assert office.work()[CUSTODY] == ("done", None)


def test_where_the_policy_only_observes_its_outage_is_recorded_and_nothing_stops(
    office: Office, opa: OpaServer, through: Callable[..., Desk]
) -> None:
    opa.behaviour = "HTTP 500"
    office.ask(CUSTODY)
    drain_year(through(office.desk(ExtractiveModel()), "observe"), 2021)

    assert outcomes(office) == [("decided", None)]
    assert office.bodies()[-1]["policy_outage"] is True


# ── the database ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_database_nothing_is_asked_and_the_user_is_told_which(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(postgres_module, "CONNECT_PATIENCE_SECONDS", 0.1)
    away = Deployment(
        Settings.from_environment(
            {"COMPLIANCE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, data_dir=tmp_path
        )
    )
    models = counting()
    with pytest.raises(DependencyUnavailable, match="PostgreSQL is not reachable"):
        drain_year(dataclasses.replace(office.deployment.desk, postgres=away.postgres, models=models), 2021)

    assert models.calls == []


def test_a_session_that_is_cut_off_while_the_model_answers_leaves_the_question_queued(office: Office) -> None:
    def cut_off() -> None:
        with office.deployment.postgres.connect_as_owner() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND application_name = 'compliance' AND state = 'idle in transaction' AND datname = current_database()"
            )

    office.ask(CUSTODY)
    with pytest.raises(DependencyUnavailable, match="went away"):
        drain_year(dataclasses.replace(office.deployment.desk, models=counting(cut_off)), 2021)

    assert office.work() == {CUSTODY: ("queued", None)}
    assert drain_year(office.desk(ExtractiveModel()), 2021).decided == 1
    assert office.recorded() == [CUSTODY]


@pytest.mark.parametrize(
    ("sqlstate", "named"), [("53100", "DiskFull"), ("53200", "OutOfMemory"), ("25006", "ReadOnlySqlTransaction")]
)
def test_a_database_that_refuses_to_write_keeps_the_question_queued_with_the_reason(
    office: Office, sqlstate: str, named: str
) -> None:
    """A full disk, no memory left, a server in recovery: as the server says it, in the place where it says it."""
    with refusing_writes(office.deployment, sqlstate):
        office.ask(CUSTODY)
        report = drain_year(office.desk(ExtractiveModel()), 2021)
    state, reason = office.work()[CUSTODY]

    assert (report.decided, state) == (0, "queued")
    assert named in str(reason)
    assert office.recorded() == []
    assert drain_year(office.desk(ExtractiveModel()), 2021).decided == 1
    assert office.recorded() == [CUSTODY]


class refusing_writes:
    """The table of decisions takes nothing, with an error of a server that cannot."""

    def __init__(self, deployment: Deployment, sqlstate: str) -> None:
        self.deployment, self.sqlstate = deployment, sqlstate

    def __enter__(self) -> None:
        organization = self.deployment.postgres.organization_id
        with self.deployment.postgres.connect_as_owner() as conn:
            conn.execute(
                "CREATE FUNCTION compliance.refuse_for_a_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF NEW.organization_id = '{organization}' THEN"
                f" RAISE EXCEPTION 'cannot write' USING ERRCODE = '{self.sqlstate}'; END IF; RETURN NEW; END $$"
            )
            conn.execute(
                "CREATE TRIGGER refuse_for_a_test BEFORE INSERT ON compliance.decisions_2021 FOR EACH ROW"
                " EXECUTE FUNCTION compliance.refuse_for_a_test()"
            )

    def __exit__(self, *_: object) -> None:
        with self.deployment.postgres.connect_as_owner() as conn:
            conn.execute("DROP TRIGGER refuse_for_a_test ON compliance.decisions_2021")
            conn.execute("DROP FUNCTION compliance.refuse_for_a_test()")


def test_a_deployment_out_of_connections_says_so_and_loses_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "CONNECT_PATIENCE_SECONDS", 0.1)
    office.ask(CUSTODY, RESERVE)
    login = "too_few"
    with office.deployment.postgres.connect_as_owner() as conn:
        conn.execute(f"DROP ROLE IF EXISTS {login}")
        conn.execute(f"CREATE ROLE {login} LOGIN CONNECTION LIMIT 1 IN ROLE compliance_app, compliance_owner")
        dsn = psycopg.conninfo.make_conninfo(str(office.deployment.settings.database_url), user=login)
    few = Deployment(dataclasses.replace(office.deployment.settings, database_url=dsn))
    few.postgres._ready = True  # the schema is another login's business
    desk = dataclasses.replace(office.desk(ExtractiveModel()), postgres=few.postgres, deciders=3)
    with pytest.raises(DependencyUnavailable, match="too many connections"):
        drain_year(desk, 2021)
    drain_year(office.desk(ExtractiveModel()), 2021)

    assert sorted(office.recorded()) == sorted([CUSTODY, RESERVE])


# ── our own ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_redactor_that_fails_lets_nothing_through(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    models = counting()
    office.ask(CUSTODY)
    with monkeypatch.context() as broken:
        broken.setattr(Redactor, "redact", lambda self, text: 1 / 0)
        report = drain_year(dataclasses.replace(office.deployment.desk, models=models), 2021)

    assert models.calls == []
    assert [why.partition(" in ")[0] for why in report.postponed.values()] == ["ZeroDivisionError"]
    assert office.recorded() == []
    assert drain_year(office.desk(ExtractiveModel()), 2021).decided == 1


def test_without_its_index_no_model_is_asked(office: Office) -> None:
    models = counting()
    office.ask(CUSTODY)
    with office.deployment.postgres.connect_as_owner() as conn:
        conn.execute("ALTER TABLE year_index.entries RENAME TO entries_away")
    try:
        report = drain_year(dataclasses.replace(office.deployment.desk, models=models), 2021)
    finally:
        with office.deployment.postgres.connect_as_owner() as conn:
            conn.execute("ALTER TABLE year_index.entries_away RENAME TO entries")

    assert (models.calls, report.decided) == ([], 0)
    assert office.work()[CUSTODY][0] == "queued"
    assert drain_year(office.desk(ExtractiveModel()), 2021).decided == 1


def test_a_clock_that_jumps_changes_neither_order_nor_proof(office: Office) -> None:
    times = iter([datetime(2031, 1, 1, tzinfo=UTC), datetime(1999, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    moments: list[datetime] = []

    def jumping() -> datetime:
        moments.append(next(times, moments[-1] + timedelta(seconds=1) if moments else datetime(2026, 1, 1, tzinfo=UTC)))
        return moments[-1]

    questions = [f"{CUSTODY} ({number})" for number in range(3)]
    office.ask(*questions)
    drain_year(dataclasses.replace(office.desk(ExtractiveModel()), clock=jumping), 2021)

    assert office.recorded() == questions


# ── kill -9 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

CRASHES = 1_000


@pytest.mark.slow
def test_a_decider_killed_between_any_two_steps_leaves_no_answer_without_its_entry_and_none_twice(
    deployment: Deployment,
) -> None:
    """Killed at the n-th step of its way, n drawn over all of them; whoever comes next goes on in the order of the queue."""
    import random

    from tests.faults.test_kill_writer import WRONG

    office = Office(deployment)
    office.corpus.add(
        2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent."
    )
    office.corpus.build(2021)
    drain_year(office.desk(ExtractiveModel()), 2021)
    questions = [f"{CUSTODY} ({number})" for number in range(2 * CRASHES)]
    office.ask(*questions)
    rng = random.Random(5)
    landed = sum(crash_at(deployment, rng.randrange(1, 60)) for _ in range(CRASHES))
    assert landed >= 0.99 * CRASHES
    drain_year(office.desk(ExtractiveModel()), 2021)

    with deployment.postgres.connect() as conn:
        promised = {what: query for what, query in WRONG.items() if "seal" not in what}  # nobody is stated here
        found = {what: conn.execute(query).fetchall() for what, query in promised.items()}  # type: ignore[call-overload]
    assert not any(found.values()), found
    assert office.recorded() == questions


def crash_at(deployment: Deployment, step: int) -> bool:
    """A decider in a process of its own that kills itself at its n-th step; False where it was done before."""
    pid = os.fork()
    if pid == 0:
        try:
            own = Deployment(deployment.settings)
            left = [step]

            def one_step(*_: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            _watch_statements(one_step)
            drain_year(dataclasses.replace(own.desk, models=counting(one_step)), 2021)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def _watch_statements(one_step: Callable[..., None]) -> None:
    """Every statement, commit and rollback of this process is a step."""
    for name in ("execute", "commit", "rollback"):
        real = getattr(psycopg.Connection, name)

        def stepping(self: object, *arguments: object, real: Callable[..., object] = real, **options: object) -> object:
            one_step()
            done = real(self, *arguments, **options)
            one_step()
            return done

        setattr(psycopg.Connection, name, stepping)


def test_two_deciders_that_meet_share_the_work(office: Office) -> None:
    questions = [f"{CUSTODY} ({number})" for number in range(12)]
    office.ask(*questions)
    threads = [
        threading.Thread(target=drain_year, args=(Deployment(office.deployment.settings).desk, 2021)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(office.recorded()) == sorted(questions)
