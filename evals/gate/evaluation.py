"""What an evaluation of a release found: one case for each filing, and what was tried on its contract and its policy. Pure.

An answer is kept as its difference from the truth, which the sets hold: with both, every answer can be put together again.
`evals/gate/run.py` makes evaluations, `scores.py` counts them, `gate.py` judges them.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import Field

from compliance_assets.contracts.base import Contract, Sha256
from compliance_assets.contracts.canonical import Canonical, digest_of
from compliance_assets.contracts.release import Release

#: The workload that has a golden set.
MEASURED = "irpf.triage"
Outcome = Literal["decided", "review", "quarantined", "denied"]


class Case(Contract):
    """One filing and what was decided of it. `year` and `category` are the filing's own; `reason` is a code.

    `fields` are those that it states: `exact` of them were read as they are, `misread` says what was read instead, `left_out`
    were not read; `made_up` were read and are not stated. `supported` counts the exact ones whose quote holds what the filing
    prints there. `problems` are codes. `out_of_scope` are documents among the passages and the citations that are of another
    year or category than was asked for. `sent_back`: how many answers were; tokens are those of the last exchange. `seconds` is
    how long the model took.
    """

    filing: str
    format: str
    year: int
    category: str
    true_type: str
    outcome: Outcome
    reason: str | None
    decision: str
    fields: int = Field(ge=0)
    exact: int = Field(ge=0)
    misread: Mapping[str, str]
    made_up: Mapping[str, str]
    left_out: tuple[str, ...]
    anomalies: tuple[str, ...]
    true_anomalies: tuple[str, ...]
    citations: int = Field(ge=0)
    supported: int = Field(ge=0)
    problems: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    grounding: float | None
    confidence: float
    components: Mapping[str, float | None]
    sent_back: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    answer_tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)

    @property
    def decides(self) -> bool:
        """Whether it would be decided if its confidence were enough."""
        return self.outcome == "decided" or self.reason == "low_confidence"

    @property
    def type_right(self) -> bool:
        """Whether the return is what was decided."""
        return self.decision == self.true_type

    @property
    def wrong(self) -> bool:
        """Whether it must not be decided as it is; what was left out of its fields does not count."""
        return (
            not self.type_right or set(self.anomalies) != set(self.true_anomalies) or bool(self.misread or self.made_up)
        )

    @property
    def right(self) -> bool:
        """Whether all that was said of it is so, and holds."""
        return not self.wrong and not self.problems


class Attacks(Contract):
    """Bad citations put to the contract, and those that it took: kind and document of each."""

    tried: int = Field(ge=0)
    accepted: tuple[str, ...]


class Fixtures(Contract):
    """The examples beside the policy: how many it answers as they say, and the names of those that it does not."""

    held: int = Field(ge=0)
    failed: tuple[str, ...]


class Evaluation(Contract):
    """Everything that a verdict rests on. `gate_version` is that of what measured.

    `reading` names how documents became text: the normaliser's version and the OCR engine. `auto_decide` is the candidate's
    threshold for the measured workload, None where a person always decides. `contracts` has for each workload of the release
    the digest of its file with its prompt's text: those without a golden set can only be what they were.
    """

    schema_version: Literal["1"] = "1"
    release: Release
    golden_set: Sha256
    calibration_set: Sha256
    gate_version: str
    reading: str
    auto_decide: float | None
    contracts: Mapping[str, Sha256]
    golden: tuple[Case, ...]
    calibration: tuple[Case, ...]
    citation_attacks: Attacks
    policy_fixtures: Fixtures

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all but the times."""
        timeless = {"golden": {"__all__": {"seconds"}}, "calibration": {"__all__": {"seconds"}}}
        return digest_of(self.model_dump(mode="json", exclude=timeless))

    @property
    def canonical(self) -> Canonical:
        """As it is kept."""
        return Canonical.of(self.model_dump(mode="json"))
