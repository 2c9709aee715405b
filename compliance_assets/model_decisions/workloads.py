"""Workloads as data: which prompt, how many hits. Pure."""

from dataclasses import dataclass
from pathlib import Path

from compliance_assets.contracts.errors import InvalidInput

PROMPTS = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True)
class Workload:
    """`template` is a file of `prompts/`; a new wording is a new version, never an edit of an old one."""

    name: str
    template: str
    template_version: str
    top_k: int

    @property
    def template_text(self) -> str:
        """The template as released."""
        return (PROMPTS / f"{self.template}.v{self.template_version}.txt").read_text(encoding="utf-8")


WORKLOADS = {
    "ddq.draft_response": Workload("ddq.draft_response", "ddq.draft_response", "1", top_k=8),
}


def workload_named(name: str) -> Workload:
    """Raises InvalidInput for a name that is not a workload."""
    if name not in WORKLOADS:
        raise InvalidInput(
            "unknown workload",
            expected=" or ".join(sorted(WORKLOADS)),
            found=repr(name),
            remedy="Give --workload one of these names.",
        )
    return WORKLOADS[name]
