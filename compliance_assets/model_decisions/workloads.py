"""Workloads as data: one JSON file each in `workloads/`. What is asked, what an answer may be, what happens to it. Pure.

How a model is asked (which one, temperature, context, answer's length) is not here: the router map says it.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.policy import Classification
from compliance_assets.model_decisions.answer import ModelAnswer

FOLDER = Path(__file__).parent / "workloads"
PROMPTS = Path(__file__).parent / "prompts"

#: What an answer is held against beside its citations; each is a function of post_checks.py.
PostCheck = Literal["template_adherence"]


class PromptReference(Contract):
    """A file of `prompts/`; a new wording is a new version, never an edit of an old one."""

    template: str = Field(pattern=r"^[a-z0-9_.]+$")
    version: str = Field(pattern=r"^[1-9][0-9]*$")

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.template}.v{self.version}.txt"


class OutputContract(Contract):
    """What an answer may be. `required_fields` must be there, in this order; fields and anomalies only where expected."""

    decisions: tuple[str, ...] = Field(min_length=1)
    fields: bool
    required_fields: tuple[str, ...] = ()
    anomalies: bool
    max_segments: int = Field(ge=1)


class RetrievalNeeds(Contract):
    """What stands in the prompt: the whole document that the work is about (`document`) or none; then `top_k` chunks from
    the request's scope, for a document from each of the filer categories named. Whether a request may opt in other years.
    """

    subject: Literal["document", "none"]
    context_categories: tuple[str, ...] = ()
    top_k: int = Field(ge=1, le=100)
    opt_in_years: bool


class Thresholds(Contract):
    """`auto_decide`: least confidence without a person, null where there always is one. `quarantine`: least share of an answer
    that stands in what it cites; below it nobody but a reviewer sees the answer; null where that is not measured.
    """

    auto_decide: float | None = Field(ge=0, le=1)
    quarantine: float | None = Field(ge=0, le=1)


class Workload(Contract):
    """One kind of work. `classification` is the class of a request that names none."""

    schema_version: Literal["1"]
    name: str = Field(pattern=r"^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$")
    purpose: str = Field(min_length=1)
    prompt: PromptReference
    output: OutputContract
    retrieval: RetrievalNeeds
    post_checks: tuple[PostCheck, ...]
    thresholds: Thresholds
    classification: Classification
    four_eyes: bool
    require_citations: bool
    max_reprompts: int = Field(ge=0, le=2)
    _template_text: str = PrivateAttr("")

    @property
    def template(self) -> str:
        """The template's name."""
        return self.prompt.template

    @property
    def template_version(self) -> str:
        """The template's version."""
        return self.prompt.version

    @property
    def template_text(self) -> str:
        """The template, as it was read beside the workload."""
        return self._template_text

    @property
    def top_k(self) -> int:
        """How many chunks are searched for."""
        return self.retrieval.top_k

    @property
    def context_categories(self) -> tuple[str, ...]:
        """The filer categories that a document is held against."""
        return self.retrieval.context_categories

    @property
    def decisions(self) -> tuple[str, ...]:
        """What an answer may decide."""
        return self.output.decisions

    @property
    def fields_are_quoted(self) -> bool:
        """Whether a field is a value that its quote states; those of a template are sections that the model writes."""
        return self.output.fields and "template_adherence" not in self.post_checks

    @property
    def auto_decide(self) -> float:
        """Least confidence without a person; infinite where there always is one."""
        return math.inf if self.thresholds.auto_decide is None else self.thresholds.auto_decide

    @property
    def quarantine(self) -> float | None:
        """Least grounding that is shown to anyone but a reviewer."""
        return self.thresholds.quarantine

    @property
    def digest(self) -> str:
        """SHA-256 of its canonical JSON."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of an answer to it, for a provider that can be held to one."""
        schema = ModelAnswer.model_json_schema()
        properties = schema["properties"]
        properties["decision"] = {"type": "string", "enum": list(self.output.decisions)}
        properties["segments"]["maxItems"] = self.output.max_segments
        for name, expected in (("fields", self.output.fields), ("anomalies", self.output.anomalies)):
            if not expected:
                properties[name]["maxItems"] = 0
        return schema


def workload_named(name: str) -> Workload:
    """Raises InvalidInput for a name that is not a workload, and for one whose file is not usable."""
    if name not in workload_names():
        raise InvalidInput(
            "unknown workload",
            expected=" or ".join(workload_names()),
            found=repr(name),
            remedy="Give --workload one of these names.",
        )
    return _workload(name)


@lru_cache(maxsize=1)
def workload_names() -> tuple[str, ...]:
    """Every workload that there is, in order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@lru_cache(maxsize=64)
def _workload(name: str) -> Workload:
    return read_workload(FOLDER / f"{name}.json")


def read_workload(path: Path, prompts: Path = PROMPTS) -> Workload:
    """A workload from its file. Raises InvalidInput, naming file and field."""
    return workload_of(path.stem, path.read_bytes(), {file.name: file.read_bytes() for file in prompts.glob("*.txt")})


def workload_of(name: str, content: bytes, prompts: Mapping[str, bytes]) -> Workload:
    """A workload from its JSON and the prompts beside it, by file name. Raises InvalidInput, naming file and field."""
    file = f"{name}.json"
    try:
        workload = Workload.model_validate_json(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise _unusable(file, ".".join(map(str, first["loc"])) or "the file", first["msg"]) from None
    if workload.name != name:
        raise _unusable(file, "name", f"it is {workload.name!r}, the file's is {name!r}")
    if workload.prompt.file not in prompts:
        raise _unusable(file, "prompt", f"there is no prompts/{workload.prompt.file}")
    if workload.output.required_fields and not workload.output.fields:
        raise _unusable(file, "output.required_fields", "no fields are expected")
    return with_prompt(workload, prompts)


def with_prompt(workload: Workload, prompts: Mapping[str, bytes]) -> Workload:
    """The workload with the text of its prompt, from files by name."""
    workload = workload.model_copy()
    workload._template_text = prompts[workload.prompt.file].decode()
    return workload


def shipped_prompts() -> dict[str, bytes]:
    """The prompts that came with the product, by file name."""
    return {file.name: file.read_bytes() for file in PROMPTS.glob("*.txt")}


def _unusable(file: str, field: str, why: str) -> InvalidInput:
    return InvalidInput(
        "a workload is not usable",
        expected="a file as the model Workload describes it",
        found=f"{file}: {field}: {why}",
        remedy="Correct the field; nothing is decided under the workload meanwhile.",
    )
