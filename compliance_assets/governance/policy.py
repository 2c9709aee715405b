"""What a policy's decision does to a request: the class it raises, the call it changes; and the examples a policy must meet. Pure.

The decision itself is made by an engine (resources/policy.py) over the files in `policies/`.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import get_args

from pydantic import JsonValue, TypeAdapter, ValidationError

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.policy import Classification, PolicyDecision, PolicyInput, Transform

CODE_VERSION = "1"
#: The shipped policy. Its `fixtures/` are examples, not part of the bundle.
POLICIES = Path(__file__).parent / "policies"
#: From the least to the most protected.
CLASSIFICATIONS: tuple[Classification, ...] = get_args(Classification)


# ── classification ───────────────────────────────────────────────────────────────────────────────────────────────────


def classification_named(text: str) -> Classification:
    """The class that a caller names, in whatever case. Raises InvalidInput."""
    named = next((name for name in CLASSIFICATIONS if name == text.strip().lower()), None)
    if named is None:
        raise InvalidInput(
            "there is no such classification",
            expected=", ".join(CLASSIFICATIONS),
            found=repr(text),
            remedy="Name one of them; when in doubt the more protected one.",
        )
    return named


def classification_of(asked: Classification, decision: PolicyDecision) -> Classification:
    """The class that holds: the policy may raise the one that was asked under, never lower it. In either mode."""
    return max(asked, decision.classification or asked, key=CLASSIFICATIONS.index)


# ── transforms ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CallParameters:
    """How a model is to be asked: the models to try in order, `max_tokens` of the answer at most and `max_context` of what is
    sent (None: the model's own limit), guardrails that stand before the prompt; and what is asked of the answer beyond the
    workload.
    """

    model_chain: tuple[str, ...]
    max_tokens: int | None = None
    temperature: float = 0.0
    guardrails: tuple[str, ...] = ()
    max_context: int | None = None
    require_citations: bool = False
    require_template_adherence: bool = False
    enable_chunk_provenance: bool = False


def transformed(
    call: CallParameters, decision: PolicyDecision, known_models: Collection[str] | None = None
) -> tuple[CallParameters, tuple[Transform, ...]]:
    """The call as the policy wants it, and the transforms that changed something, in their order.

    A cap is never raised by another. An overriding model stands alone, since a fallback would undo it; the last one stands.
    In `observe` nothing is changed. Raises InvalidInput for a value that cannot be meant, and for a model that is not among
    `known_models` where those are given: before anything is called.
    """
    if decision.mode == "observe":
        return call, ()
    applied: list[Transform] = []
    guardrails: list[str] = []
    made = call
    for transform in decision.transforms:
        before = made, len(guardrails)
        match transform.kind, transform.value:
            case "set_max_tokens", int(cap) if cap > 0 and not isinstance(cap, bool):
                made = replace(made, max_tokens=min(cap, made.max_tokens or cap))
            case "override_model", str(model) if model and (known_models is None or model in known_models):
                made = replace(made, model_chain=(model,))
            case "prepend_system_guardrail", str(guardrail) if guardrail.strip():
                guardrails.append(guardrail)
            case _:
                raise _unusable(transform, known_models)
        if (made, len(guardrails)) != before:
            applied.append(transform)
    return replace(made, guardrails=(*guardrails, *call.guardrails)), tuple(applied)


def _unusable(transform: Transform, known_models: Collection[str] | None) -> InvalidInput:
    expected = {
        "set_max_tokens": "a positive whole number",
        "override_model": "a model's name" if known_models is None else f"one of {', '.join(sorted(known_models))}",
        "prepend_system_guardrail": "a text",
    }[transform.kind]
    return InvalidInput(
        f"the policy's transform {transform.kind} cannot be applied",
        expected=expected,
        found=repr(transform.value),
        remedy="Correct it in the policy's data (compliance/config/data.json); no model is asked meanwhile.",
    )


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Example(Contract):
    """A request and what the policy has to say to it: `expected` names fields of the decision."""

    name: str
    input: PolicyInput
    expected: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An example that does not come out."""

    example: str
    field: str
    expected: str
    found: str


def examples_in(folder: Path) -> tuple[Example, ...]:
    """The examples beside a policy: `fixtures/*.json`, a list in each. Raises InvalidInput, naming file and field."""
    return tuple(example for path in sorted((folder / "fixtures").glob("*.json")) for example in _examples(path))


@lru_cache(maxsize=1)
def _list_of_examples() -> TypeAdapter[list[Example]]:
    return TypeAdapter(list[Example])


def _examples(path: Path) -> list[Example]:
    try:
        return _list_of_examples().validate_json(path.read_bytes())
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise InvalidInput(
            "an example of the policy is not usable",
            expected="[{name, input, expected}, …]",
            found=f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            remedy="Correct it; without examples a change of the policy goes unseen.",
        ) from None


def mismatches(example: Example, decision: PolicyDecision) -> list[Mismatch]:
    """Where a decision is not what its example expects."""
    found = decision.model_dump(mode="json")
    return [
        Mismatch(
            example.name, field, json.dumps(expected), json.dumps(found[field]) if field in found else "no such field"
        )
        for field, expected in example.expected.items()
        if field not in found or found[field] != expected
    ]


def uncovered(examples: Sequence[Example], workloads: Collection[str]) -> list[str]:
    """Workloads for which no example allows or none denies: a policy that always says the same would pass."""
    seen = {(example.input.workload, example.expected.get("allow")) for example in examples}
    return sorted(w for w in workloads if (w, True) not in seen or (w, False) not in seen)
