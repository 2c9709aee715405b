"""The one base of every contract: frozen, closed to unknown fields."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
CharRange = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class Contract(BaseModel):
    """Immutable; an unknown field is an error (`additionalProperties: false` in the schema), and so is NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
