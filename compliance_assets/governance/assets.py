"""The asset `policy_bundle`: the policy in force, as files with a digest."""

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.governance.policy import CODE_VERSION, examples_in
from resources.policy import PolicyEngine


@dg.asset(
    key=keys.POLICY_BUNDLE,
    group_name=keys.CONTROL_PLANE,
    kinds={"opa"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def policy_bundle(policy: dg.ResourceParam[PolicyEngine]) -> dg.MaterializeResult[None]:
    """The rules and data that every request is held against before any of it leaves, in process or on an OPA server."""
    bundle, examples = policy.bundle, examples_in(policy.bundle.folder)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(bundle.policy_hash),
        metadata={
            "dagster/row_count": len(bundle.files),
            "policy_hash": bundle.policy_hash,
            "engine": policy.name,
            "mode": policy.mode,
            "folder": dg.MetadataValue.path(bundle.folder),
            "files": metadata.table(
                [
                    {"path": name, "bytes": len(content), "sha256": sha256_hex(content)}
                    for name, content in bundle.files
                ],
                ["path", "bytes", "sha256"],
            ),
            "packed_bytes": len(bundle.packed()),
            "examples": len(examples),
        },
    )
