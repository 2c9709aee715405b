"""Checks of what was recorded: they hold the ledger's contents to the rules that the path held the answers to."""

import dataclasses
import json
from typing import Any

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.deployment import Deployment
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.checks import every_segment_cited, template_adherence
from compliance_assets.model_decisions.decide import Decision, decide
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.partitions import YEARS
from tests.model_decisions.builders import FakeWorld, Saying, circumstances, item, passages

SOA = workload_named("soa.draft")
SECTIONS = SOA.output.required_fields
RETRIEVED = passages("The assets of Northwind are held by Harbour Bank.")
CHUNK = RETRIEVED[0].hit.chunk_id


def drafted(question: str = "What is advised?", said: str | None = None) -> Decision:
    """A statement of advice with every section."""
    answer = {
        "decision": "drafted",
        "confidence": 1,
        "segments": [{"text": "Harbour Bank holds them.", "cited_chunk_ids": [CHUNK]}],
        "citations": [{"chunk_id": CHUNK, "quote": "held by Harbour Bank"}],
        "fields": [{"name": name, "value": "As written.", "citation": 0} for name in SECTIONS],
    }
    asked = dataclasses.replace(item(question), workload="soa.draft")
    at = circumstances(workload=SOA, call=CallParameters(("local/fake",)))
    return decide(asked, at, FakeWorld(Saying(said or json.dumps(answer)), RETRIEVED))


def record(deployment: Deployment, made: Decision, **changed: Any) -> str:
    """Record it, its envelope changed past every check, as a faulty writer would; returns its id."""
    envelope = made.envelope.model_copy(update=changed)
    with deployment.postgres.connect() as conn:
        store.record(conn, deployment.keyring, dataclasses.replace(made, envelope=envelope), 0.1)
    return envelope.response_id


def check(deployment: Deployment, checked: dg.AssetChecksDefinition, year: int = 2021) -> dg.AssetCheckEvaluation:
    @dg.asset(key=keys.MODEL_DECISIONS, partitions_def=YEARS)
    def model_decisions() -> None:
        """As if it had run."""

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [model_decisions, checked], partition_key=str(year), resources=deployment.resources(), instance=instance,
            raise_on_error=False,
        )  # fmt: skip
    (evaluation,) = done.get_asset_check_evaluations()
    return evaluation


def wrong_in(deployment: Deployment, checked: dg.AssetChecksDefinition) -> list[str]:
    """The decisions that the check names; it passes where there are none, else fails as an error."""
    evaluation = check(deployment, checked)
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    table = evaluation.metadata["decisions"]
    assert isinstance(table, dg.TableMetadataValue)
    named = [str(record.data["response_id"]) for record in table.records]
    assert evaluation.passed == (not named)
    return named


def test_answers_with_their_whole_template_pass(deployment: Deployment) -> None:
    record(deployment, drafted())
    record(deployment, drafted("Another?", said="I would rather not say."))
    assert wrong_in(deployment, template_adherence) == []
    assert wrong_in(deployment, every_segment_cited) == []


@pytest.mark.parametrize("change", [slice(None, -1), slice(None, None, -1), slice(0, 0)])
def test_an_answer_off_its_template_is_named_by_its_id_alone(deployment: Deployment, change: slice) -> None:
    record(deployment, drafted())
    made = drafted("Another?")
    off = record(deployment, made, fields=made.envelope.fields[change])
    assert wrong_in(deployment, template_adherence) == [off]
    assert "Another" not in str(check(deployment, template_adherence).metadata)
    assert check(deployment, template_adherence, year=2022).passed, "another year is another partition"


def test_a_claim_without_its_reference_is_named(deployment: Deployment) -> None:
    made = drafted()
    (segment,), fields = made.envelope.response_segments, made.envelope.fields
    bare = segment.model_copy(update={"cited_chunk_ids": ()})
    stray = segment.model_copy(update={"cited_chunk_ids": ("ck_other",)})
    loose = fields[0].model_copy(update={"citation": 1})
    wrong = [
        record(deployment, drafted(f"Question {number}?"), **changed)
        for number, changed in enumerate(
            [{"response_segments": (bare,)}, {"response_segments": (stray,)}, {"fields": (loose, *fields[1:])}]
        )
    ]
    assert wrong_in(deployment, every_segment_cited) == sorted(wrong)
