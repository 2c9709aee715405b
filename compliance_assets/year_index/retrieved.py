"""A hit together with the text that it stands for. Pure."""

from dataclasses import dataclass

from compliance_assets.contracts.hit import Hit


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What goes into a prompt."""

    hit: Hit
    text: str
