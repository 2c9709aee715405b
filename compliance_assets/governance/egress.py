"""Where data may go: the regions that a deployment's profile lets models be asked in. Pure.

The profiles are data of the policy (compliance/egress/data.json), so that the policy's rules and this module, which is asked
again for every model before a byte leaves, read the same lines. `tenancy` is the region of what runs inside the deployment.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.policy import Classification
from compliance_assets.governance.policy import POLICIES
from resources.providers.selection import TENANCY, lies_in

DOCUMENT = "compliance/egress"
_LOCAL = "local/"


@dataclass(frozen=True, slots=True)
class EgressProfile:
    """The data regions that a deployment permits beside its own tenancy, `*` for every one; and the classes of data that
    never leave it.
    """

    name: str
    data_regions: frozenset[str]
    bound_to_tenancy: frozenset[str] = frozenset()


def profile_named(name: str, document: Mapping[str, Any] | None = None) -> EgressProfile:
    """A profile of the policy's egress data, of the shipped one where none is given. Raises InvalidInput."""
    data = _shipped() if document is None else document
    profiles = data.get("profiles", {})
    if name not in profiles:
        raise InvalidInput(
            "unknown egress profile",
            expected=", ".join(sorted(profiles)),
            found=repr(name),
            remedy="Name one of them, or add it to compliance/egress/data.json of the policy.",
        )
    return EgressProfile(name, frozenset(profiles[name]["data_regions"]), frozenset(data["bound_to_tenancy"]))


def region_of(model: str, declared: str | None) -> str | None:
    """Where a model is asked: `local/…` inside the tenancy whatever is declared, None where nobody says."""
    return TENANCY if model.startswith(_LOCAL) else declared.lower() if declared else None


def permitted(profile: EgressProfile | str, region: str | None, classification: Classification | None = None) -> bool:
    """Whether data may go to a region, None for one that nobody declared. A zone lies in its region: eu-central-1 in eu.

    Data of a class that is bound to the tenancy stays there under every profile.
    """
    held = profile_named(profile) if isinstance(profile, str) else profile
    if lies_in(region, ()):
        return True
    return classification not in held.bound_to_tenancy and lies_in(region, held.data_regions)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    text = (POLICIES / DOCUMENT / "data.json").read_text(encoding="utf-8")
    shipped: dict[str, Any] = json.loads(text)
    return shipped
