"""kill -9 of the database server itself, which then recovers from its log: nothing is lost, nothing is there twice."""

import dataclasses
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import LiteralString

import psutil
import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from evals.scratch_deployment import scratch_deployment
from resources import postgres as postgres_module
from tests.faults.test_decision_path import CUSTODY, counting
from tests.model_decisions.conftest import Office

QUESTIONS, KILLS = 300, 20


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """On a server that no other test uses."""
    with scratch_deployment() as deployment:
        made = Office(deployment)
        made.corpus.add(
            2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent."
        )
        made.corpus.build(2021)
        yield made


@pytest.fixture
def desk(office: Office) -> Desk:
    return office.desk(ExtractiveModel())


def kill_server(office: Office) -> None:
    """kill -9 of the postmaster: its backends end with it, and what they had not yet written is in the log alone."""
    pid_file = office.deployment.settings.data_dir / "postgres" / "data" / "postmaster.pid"
    psutil.Process(int(pid_file.read_text().split()[0])).kill()


def asked(office: Office, prefix: str, count: int) -> list[str]:
    questions = [f"{CUSTODY} ({prefix} {number})" for number in range(count)]
    office.ask(*questions)
    return questions


def test_killed_while_the_model_answers_it_is_back_for_the_next_who_asks(office: Office, desk: Desk) -> None:
    questions = asked(office, "answering", 3)
    models = counting(lambda: kill_server(office) if len(models.calls) == 2 else None)
    with pytest.raises(DependencyUnavailable, match=r"went away.*Run the same command again"):
        drain_year(dataclasses.replace(desk, models=models), 2021)

    assert office.recorded()[-1] == questions[0]
    assert drain_year(desk, 2021).decided == 2
    assert office.recorded()[-3:] == questions


def test_while_it_recovers_nothing_is_asked_and_the_user_is_told_to_wait(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (question,) = asked(office, "recovering", 1)
    models = counting()
    by_folder = dataclasses.replace(desk, models=models)
    assert office.deployment.postgres.embedded
    settings = dataclasses.replace(office.deployment.settings, database_url=office.deployment.postgres.embedded.start())
    by_address = dataclasses.replace(by_folder, postgres=Deployment(settings).postgres)
    with monkeypatch.context() as impatient, recovering(office):
        impatient.setattr(postgres_module, "CONNECT_PATIENCE_SECONDS", 0.5)
        for asking in (by_folder, by_address):
            with pytest.raises(DependencyUnavailable) as told:
                drain_year(asking, 2021)
            assert "starting up" in told.value.found
            assert "run the same command again in a moment" in told.value.remedy

    assert models.calls == []
    assert drain_year(desk, 2021).decided == 1
    assert office.recorded()[-1] == question


class recovering:
    """The server, killed with a long log and started again, held in the middle of its recovery."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.starting = threading.Thread(target=self._connect)

    def __enter__(self) -> None:
        self._connect(
            "CREATE TABLE IF NOT EXISTS public.long_log (line text)",
            "INSERT INTO public.long_log SELECT repeat('x', 400) FROM generate_series(1, 100000)",
        )
        kill_server(self.office)
        self.starting.start()
        self.held = self._startup_process()
        self.held.send_signal(signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        self.held.send_signal(signal.SIGCONT)
        self.starting.join(30)

    def _connect(self, *statements: LiteralString) -> None:
        with self.office.deployment.postgres.connect_as_owner() as conn:
            for statement in statements:
                conn.execute(statement)

    def _startup_process(self) -> psutil.Process:
        """The one that reads the log, as soon as it is there."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    if "startup" in " ".join(process.cmdline()) and self._is_ours(process.parent()):
                        return process
        raise AssertionError("it recovered unseen")

    def _is_ours(self, postmaster: psutil.Process | None) -> bool:
        return postmaster is not None and str(self.office.deployment.settings.data_dir) in " ".join(
            postmaster.cmdline()
        )


@pytest.mark.slow
def test_killed_at_any_moment_of_a_drain_nothing_is_lost_and_nothing_there_twice(office: Office, desk: Desk) -> None:
    questions = asked(office, "any moment", QUESTIONS)
    rng, killed, before = random.Random(11), 0, len(office.recorded())
    slow = dataclasses.replace(desk, models=counting(lambda: time.sleep(0.02)), deciders=3)
    while killed < KILLS and any(state == "queued" for state, _ in office.work().values()):
        timer = threading.Timer(rng.uniform(0.1, 0.5), kill_server, [office])
        timer.start()
        try:
            drain_year(slow, 2021)
        except DependencyUnavailable:
            killed += 1
        timer.join()
    drain_year(desk, 2021)

    assert killed >= KILLS // 2, "most drains ended before their kill, which then tests nothing"
    assert sorted(office.recorded()[before:]) == sorted(questions)
