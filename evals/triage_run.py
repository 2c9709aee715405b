"""One filing through the decision path itself, in a world of its own, and the decision held against the filing's truth."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Literal

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.decide import Circumstances, Decision, decide, reason_code
from compliance_assets.model_decisions.irpf.question import QUESTION
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload
from compliance_assets.year_index.retrieved import Retrieved
from evals.in_memory_world import InMemoryWorld, circumstances
from evals.triage_material import LawIndex, Material
from evals.triage_scores import Triage
from resources.policy import PolicyEngine
from resources.policy_bundle import PolicyBundle
from resources.providers import Models

LawFrom = Literal["its year", "every year", "the year before"]
_CONFIG = "compliance/config"


@dataclass(frozen=True)
class Setting:
    """What filings are triaged with: whatever a release pins, and the law. `call` names those of the `models` that are asked.

    `law_from` says in which years the law is searched. Another year than the filing's own is opted in, which the shipped policy
    denies a triage: see `opened`.
    """

    workload: Workload
    policy: PolicyEngine
    models: Models
    call: CallParameters
    law: LawIndex
    question: str = QUESTION
    law_from: LawFrom = "its year"

    @cached_property
    def circumstances(self) -> Circumstances:
        """Those of every filing."""
        return circumstances(self.workload, self.policy, self.models, self.call)

    def years_for(self, year: int) -> frozenset[int]:
        """The years whose law a filing of the year is held against. The year before's is the year after's of the first."""
        known = sorted({chunk.year for chunk in self.law.chunks})
        if self.law_from == "every year":
            return frozenset(known)
        if self.law_from == "its year":
            return frozenset({year})
        return frozenset({year - 1 if year - 1 in known else year + 1})


def opened(bundle: PolicyBundle, workload: str) -> PolicyBundle:
    """The policy, except that requests under the workload may opt in other years."""
    config = bundle.documents[_CONFIG]
    permitted = {**config["workloads"][workload], "opt_in_years": True}
    changed = json.dumps({**config, "workloads": {**config["workloads"], workload: permitted}}).encode()
    return PolicyBundle(tuple((n, changed if n == f"{_CONFIG}/data.json" else content) for n, content in bundle.files))


def triage(material: Material, setting: Setting) -> Triage:
    """The filing's triage, held against its truth. Raises DependencyUnavailable where no model answers."""
    return _scored(material, decided(material, setting))


def decided(material: Material, setting: Setting) -> Decision:
    """The decision on the filing, made by the path itself. Raises DependencyUnavailable where no model answers."""
    years = setting.years_for(material.year)
    item = WorkItem(
        setting.workload.name, material.year, setting.question,
        opt_in_years=tuple(sorted(years - {material.year})), document_id=material.row["id"],
    )  # fmt: skip
    world = InMemoryWorld(
        setting.workload,
        {material.row["id"]: material.document, **setting.law.documents},
        partial(_law, setting.law, years),
        setting.policy,
        setting.models,
        material.parsed,
    )
    return decide(item, setting.circumstances, world)


def _law(law: LawIndex, years: frozenset[int], question: str, scope: RetrievalScope, top_k: int) -> list[Retrieved]:
    return law.search(question, scope, years, top_k)


def _scored(material: Material, made: Decision) -> Triage:
    truth = {key: found["value"] for key, found in material.row["fields"].items()}
    read = {field.name: field.value for field in made.envelope.fields}
    years = {d.year for d in made.evidence.documents if d.doc_id != material.row["id"] and d.year is not None}
    return Triage(
        filing=material.row["id"],
        format=material.format,
        outcome=made.outcome,
        reason=reason_code(made.reason),
        decision=made.envelope.decision,
        true_type=material.row["return_type"],
        fields=len(truth),
        exact=sum(read.get(key) == value for key, value in truth.items()),
        wrong=tuple(sorted(key for key in truth.keys() & read.keys() if read[key] != truth[key])),
        made_up=tuple(sorted(read.keys() - truth.keys())),
        anomalies=frozenset(anomaly.kind for anomaly in made.envelope.anomalies),
        true_anomalies=frozenset(material.row["anomalies"]),
        citations=len(made.envelope.citations),
        problems=made.exchanges[-1].problems if made.exchanges else (str(made.reason),),
        law_years=tuple(sorted(years)),
        confidence=made.confidence.value,
        components=asdict(made.confidence),
        seconds=sum(exchange.completion.latency_seconds for exchange in made.exchanges),
    )
