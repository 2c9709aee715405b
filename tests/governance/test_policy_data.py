"""What a firm can do with data alone, without a line of Rego."""

import json
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.contracts.policy import PolicyDecision
from compliance_assets.governance.policy import POLICIES, examples_in
from resources.policy import RegoEngine
from resources.policy_bundle import PolicyBundle

BUNDLE = PolicyBundle.read(POLICIES)
ASKED = next(e.input for e in examples_in(POLICIES) if e.name == "ddq.draft_response inside the tenancy")


class Firm:
    """A policy of its own data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, content in BUNDLE.files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def adjust(self, *adjustments: dict[str, Any]) -> None:
        path = self.folder / "compliance/config/data.json"
        config = json.loads(path.read_text())
        every = {"workloads": ["*"], "classifications": ["*"]}
        path.write_text(json.dumps({**config, "adjustments": [{**every, **one} for one in adjustments]}))

    def ask(self, **fields: Any) -> PolicyDecision:
        decision = RegoEngine(PolicyBundle.read(self.folder)).evaluate(ASKED.model_copy(update=fields))
        assert decision.outage is None
        return decision


@pytest.fixture
def firm(tmp_path: Path) -> Firm:
    return Firm(tmp_path)


def test_nothing_said_is_nothing_restricted(firm: Firm) -> None:
    firm.adjust()
    found = firm.ask()
    assert (found.connector_constraints, found.partition_constraints, found.provider_constraints) == (None, None, None)
    assert found.transforms == ()


def test_what_several_adjustments_permit_is_what_all_of_them_permit(firm: Firm) -> None:
    firm.adjust({"connectors": ["src_b", "src_a"], "years": [2022, 2023]}, {"connectors": ["src_a", "src_c"]})
    found = firm.ask()
    assert (found.connector_constraints, found.partition_constraints) == (("src_a",), (2022, 2023))
    assert found.allow


@pytest.mark.parametrize(
    ("adjustments", "fields", "reason"),
    [
        ([{"years": [2021, 2022]}], {}, "year_not_permitted"),
        ([{"years": [2023]}], {"opt_in_years": (2022,)}, "year_not_permitted"),
        ([{"connectors": ["src_a"]}, {"connectors": ["src_b"]}], {}, "no_connector_permitted"),
        ([{"providers": ["azure"]}], {}, "provider_not_permitted"),
        ([{"providers": []}], {}, "provider_not_permitted"),
    ],
)
def test_a_request_outside_what_is_permitted_is_denied(
    firm: Firm, adjustments: list[dict[str, Any]], fields: dict[str, Any], reason: str
) -> None:
    firm.adjust(*adjustments)
    found = firm.ask(**fields)
    assert (found.denies, found.reason) == (True, reason)


def test_an_adjustment_applies_where_it_says(firm: Firm) -> None:
    cap = {"transforms": [{"kind": "set_max_tokens", "value": 100}]}
    firm.adjust({**cap, "workloads": ["soa.draft"]})
    assert firm.ask().transforms == ()
    firm.adjust({**cap, "classifications": ["pii"]})
    assert firm.ask().transforms == ()
    assert [t.value for t in firm.ask(classification="pii").transforms] == [100]
    assert [t.value for t in firm.ask(workload="soa.draft", classification="public").transforms] == [100], "raised"


def test_transforms_come_in_the_order_of_the_file(firm: Firm) -> None:
    firm.adjust(
        {"transforms": [{"kind": "override_model", "value": "local/small"}]},
        {"transforms": [{"kind": "prepend_system_guardrail", "value": "A"}, {"kind": "set_max_tokens", "value": 5}]},
    )
    assert [t.value for t in firm.ask().transforms] == ["local/small", "A", 5]


def test_changed_data_is_another_policy(firm: Firm) -> None:
    before = firm.ask().policy_hash
    firm.adjust({"years": [2023]})
    assert firm.ask().policy_hash != before
