"""Rollbacks and promotions while others decide: no decision pins a release that was not in production when it was made."""

import dataclasses
import json
import threading
from collections import Counter

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases.store import MOVES
from evals.promotion.promote import promote
from evals.promotion.rollback import rollback
from tests.evals.promotion.scene import ANA, Scene
from tests.model_decisions.conftest import Office

QUESTIONS = 120
DRAINS, DECIDERS = 2, 3
FEWEST_MOVES = 12


def test_no_decision_pins_a_release_that_was_not_in_production_when_it_was_made(deployment: Deployment) -> None:
    office, scene = Office(deployment), Scene(deployment)
    office.corpus.add(
        2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent."
    )
    office.corpus.build(2021)
    candidate = scene.ready("Seja breve.")
    problems: list[BaseException] = []
    moves: list[str] = []
    deciding = threading.Event()
    deciding.set()

    def drain() -> None:
        try:
            own = Deployment(deployment.settings)
            desk = dataclasses.replace(own.desk, models=office.desk(ExtractiveModel()).models, deciders=DECIDERS)
            drain_year(desk, 2021)
        except BaseException as problem:
            problems.append(problem)

    def move() -> None:
        """Into production once, then back and forth as fast as it goes."""
        try:
            promote(scene.control, candidate)
            targets = [scene.installed.release_id, candidate]
            while deciding.is_set():
                for target in targets:
                    rollback(scene.control, ANA, "Back and forth.", to=target)
                    moves.append(target)
        except ComplianceError as problem:
            problems.append(problem)

    mover = threading.Thread(target=move)
    mover.start()
    asked = 0
    while asked == 0 or (len(moves) < FEWEST_MOVES and not problems):  # how often it moves hangs on the machine
        office.ask(*(f"Where are the assets of Northwind held? ({asked + number})" for number in range(QUESTIONS)))
        asked += QUESTIONS
        drains = [threading.Thread(target=drain) for _ in range(DRAINS)]
        for thread in drains:
            thread.start()
        for thread in drains:
            thread.join(240)
    deciding.clear()
    mover.join(60)

    assert problems == []
    assert set(office.work().values()) == {("done", None)}
    serving, decided, moved = "", Counter[str](), 0
    with scene.connect() as conn:
        for entry in ledger.entries(conn):
            if entry.kind in MOVES:
                serving, moved = entry.subject_id, moved + 1
            elif entry.kind == "decision":
                assert json.loads(entry.body)["release_id"] == serving, f"entry {entry.seq}"
                decided[serving] += 1
        assert verify_ledger(conn, scene.desk.keyring, deployment.postgres.organization_id).verified
    assert sum(decided.values()) == asked
    assert len(decided) == 2, "both decided"
    assert moved >= FEWEST_MOVES
