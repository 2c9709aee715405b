"""What a policy is asked and what it answers, whichever engine evaluates it."""

from typing import Literal

from pydantic import Field

from compliance_assets.contracts.base import Contract

#: From the least to the most protected; a policy may raise the class of a request, never lower it.
Classification = Literal["public", "internal", "confidential", "pii", "phi"]
PolicyMode = Literal["observe", "enforce"]


class Transform(Contract):
    """A change of the call that the policy asks for: a cap of the answer's tokens, another model, a guardrail before the prompt."""

    kind: Literal["set_max_tokens", "override_model", "prepend_system_guardrail"]
    value: str | int


class PolicyInput(Contract):
    """The request as the policy sees it: who asks what of which model, never the text of the question or of a document."""

    schema_version: Literal["1"] = "1"
    organization_id: str
    user: str
    workload: str
    classification: Classification
    model: str
    provider_region: str | None
    year: int
    opt_in_years: tuple[int, ...] = ()
    filer_category: str | None = None
    deployment_profile: str


class PolicyDecision(Contract):
    """Allow or deny, why, and under which policy. `outage` says why no engine answered; then `allow` is false.

    `connector_constraints` are the sources and `partition_constraints` the years that may be retrieved from,
    `provider_constraints` the providers that may be asked; None where the policy does not restrict them. `mode` is that of the
    deployment: in `observe` a denial is recorded and not enforced.
    """

    schema_version: Literal["1"] = "1"
    allow: bool
    reason: str
    policy_hash: str = Field(pattern=r"^(sha256:[0-9a-f]{64}|unknown)$")
    engine: Literal["regopy", "opa"]
    mode: PolicyMode
    transforms: tuple[Transform, ...] = ()
    classification: Classification | None = None
    connector_constraints: tuple[str, ...] | None = None
    partition_constraints: tuple[int, ...] | None = None
    provider_constraints: tuple[str, ...] | None = None
    outage: str | None = None

    @property
    def denies(self) -> bool:
        """Whether the request ends here."""
        return not self.allow and self.mode == "enforce"
