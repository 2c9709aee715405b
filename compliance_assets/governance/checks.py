"""Checks of `policy_bundle`."""

from dataclasses import asdict

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.governance.policy import examples_in, mismatches, uncovered
from resources.policy import PolicyEngine
from resources.policy_bundle import PolicyBundle


@dg.asset_check(asset=keys.POLICY_BUNDLE, blocking=True)
def fixtures_hold(policy: dg.ResourceParam[PolicyEngine]) -> dg.AssetCheckResult:
    """The engine in force answers every example beside the policy as it says; each workload has one allowed and one denied."""
    examples = examples_in(policy.bundle.folder)
    found = [mismatch for example in examples for mismatch in mismatches(example, _answer(policy, example.input))]
    named = policy.bundle.documents.get("compliance/config", {}).get("workloads", {})
    lacking = uncovered(examples, named)
    return dg.AssetCheckResult(
        passed=bool(examples) and not found and not lacking,
        metadata={
            "examples": len(examples),
            "mismatches": metadata.table(
                [asdict(mismatch) for mismatch in found], ["example", "field", "expected", "found"]
            ),
            "workloads_without_examples": ", ".join(lacking) or "none",
        },
    )


@dg.asset_check(asset=keys.POLICY_BUNDLE, blocking=True)
def policy_drift(policy: dg.ResourceParam[PolicyEngine]) -> dg.AssetCheckResult:
    """The engine evaluates the policy that stands in the files: it reports their digest and, where it can be asked, holds them."""
    here = PolicyBundle.read(policy.bundle.folder).policy_hash
    examples = examples_in(policy.bundle.folder)
    reported = _answer(policy, examples[0].input).policy_hash if examples else "unknown"
    differences = policy.differences()
    return dg.AssetCheckResult(
        passed=reported == here == policy.bundle_hash and not differences,
        metadata={
            "files": here,
            "loaded": policy.bundle_hash,
            "reported": reported,
            "differences": "; ".join(differences) or "none",
        },
    )


def _answer(policy: PolicyEngine, asked: PolicyInput) -> PolicyDecision:
    """The engine's answer. A server that gives none is an outage, not a finding: raises DependencyUnavailable."""
    decision = policy.evaluate(asked)
    if decision.outage is not None and decision.engine == "opa":
        raise DependencyUnavailable(
            "the OPA server does not answer",
            expected="a decision on an example",
            found=decision.outage,
            remedy="Check COMPLIANCE_OPA_URL; meanwhile every request is denied in enforce.",
        )
    return decision
