"""What an answer is held against beside its citations: the workload's output contract, and its checks by name. Pure.

That every statement is quoted, and every value stands in its quote, is citations.py's to hold, whatever the workload.

Each gives problems in words that can be sent back to the model; an answer that holds gives none.
"""

from collections.abc import Callable

from compliance_assets.model_decisions.answer import ModelAnswer
from compliance_assets.model_decisions.workloads import PostCheck, Workload


def problems_of(workload: Workload, answer: ModelAnswer, *, adhere_to_template: bool = False) -> tuple[str, ...]:
    """What of an answer its workload does not permit or its checks do not find in order. An abstention has nothing to check.

    `adhere_to_template` is what the route asks for: the template is held also where the workload does not say so.
    """
    outside = _outside_contract(workload, answer)
    if outside or not (answer.segments or answer.fields):
        return tuple(outside)
    asked: tuple[PostCheck, ...] = ("template_adherence",) if adhere_to_template else ()
    names = dict.fromkeys((*workload.post_checks, *asked))
    return tuple(problem for name in names for problem in _CHECKS[name](workload, answer))


def _outside_contract(workload: Workload, answer: ModelAnswer) -> list[str]:
    output = workload.output
    problems = []
    if answer.decision not in output.decisions:
        problems.append(f"the decision is {answer.decision!r}, not one of {', '.join(output.decisions)}")
    if len(answer.segments) > output.max_segments:
        problems.append(f"{len(answer.segments)} segments, at most {output.max_segments}")
    if answer.fields and not output.fields:
        problems.append("fields are not asked for")
    if answer.anomalies and not output.anomalies:
        problems.append("anomalies are not asked for")
    return problems


def _template_adherence(workload: Workload, answer: ModelAnswer) -> list[str]:
    """Every required field once, none beside them, in the template's order, none empty."""
    required, names = list(workload.output.required_fields), [field.name for field in answer.fields]
    problems = [f"the field {name} is missing" for name in required if name not in names]
    problems += [f"the field {name} is not of the template" for name in names if name not in required]
    problems += [f"the field {name} stands twice" for name in sorted(set(names)) if names.count(name) > 1]
    problems += [f"the field {field.name} is empty" for field in answer.fields if not field.value.strip()]
    if not problems and names != required:
        problems.append(f"the fields stand in another order than {', '.join(required)}")
    return problems


_CHECKS: dict[PostCheck, Callable[[Workload, ModelAnswer], list[str]]] = {"template_adherence": _template_adherence}
