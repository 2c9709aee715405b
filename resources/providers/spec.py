"""Providers as data: how each is reached, what it can, what it costs, where its data lies. Pure but for `provider_specs`, which
reads the file.

A file: {"schema_version": "1", "providers": [{"name": "mistral"}, {"name": "ours", "protocol": "openai", "base_url": …}]}.
Known names have their addresses already (`KNOWN`); a data region belongs to an address, so that another address declares its own.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.errors import InvalidInput
from resources.providers.completion import Operation

Seconds = Annotated[float, Field(gt=0)]
AZURE_API_VERSION = "2024-10-21"  # the latest that is generally available for chat completions

#: What is published of a provider; a file names those it uses and overrides what differs.
KNOWN: Mapping[str, Mapping[str, Any]] = {
    "openai": {
        "protocol": "openai",
        "base_url": "https://api.openai.com/v1",
        "api_key_variable": "OPENAI_API_KEY",
        "answer_limit_field": "max_completion_tokens",
        "without_temperature": ["gpt-5*", "o[0-9]*"],
    },
    "azure": {
        "protocol": "azure",
        "api_key_variable": "AZURE_OPENAI_API_KEY",
        "answer_limit_field": "max_completion_tokens",
        "without_temperature": ["gpt-5*", "o[0-9]*"],
    },
    "anthropic": {
        "protocol": "anthropic",
        "base_url": "https://api.anthropic.com",
        "api_key_variable": "ANTHROPIC_API_KEY",
        "without_temperature": ["*"],
    },
    "gemini": {
        "protocol": "openai",
        "base_url": "https://generativelanguage.googleapis.com/v1beta/openai/",
        "api_key_variable": "GEMINI_API_KEY",
    },
    "mistral": {
        "protocol": "openai",
        "base_url": "https://api.mistral.ai/v1",
        "api_key_variable": "MISTRAL_API_KEY",
        "data_region": "eu",
    },
    "ollama": {"protocol": "openai", "base_url": "http://localhost:11434/v1", "data_region": "tenancy"},
    "stub": {"protocol": "stub", "priority": 100, "data_region": "tenancy"},
}


class Limits(Contract):
    """What an answer may take. The first byte is that of the answer's body: an answer that is not streamed comes whole, so that
    `first_byte_seconds` has to cover the time in which the model writes it.
    """

    connect_seconds: Seconds = 2.0
    first_byte_seconds: Seconds = 30.0
    between_bytes_seconds: Seconds = 15.0
    total_seconds: Seconds = 90.0
    max_answer_bytes: Annotated[int, Field(ge=1)] = 4_000_000


class Capabilities(Contract):
    """`models`: names or patterns (`openai/gpt-5*`) of `maker/model`, empty for all that begin with the provider's name.
    `max_context`: tokens of prompt and answer together.
    """

    operations: tuple[Operation, ...] = ("chat", "stream")
    models: tuple[str, ...] = ()
    max_context: Annotated[int, Field(ge=1)] | None = None


class ProviderSpec(Contract):
    """One provider. Those of lower `priority` are asked first (10 before 50). `api_key_variable` names the environment variable
    that holds the key. `deployments` maps a model's name to that by which this provider knows it. `data_region` is None where
    nobody declared it. Prices are per million tokens, in one currency throughout. `without_temperature`: patterns of models that
    refuse the parameter.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    protocol: str
    base_url: str | None = None
    api_key_variable: str | None = None
    data_region: str | None = None
    priority: int = 50
    capabilities: Capabilities = Capabilities()
    price_in: Annotated[float, Field(ge=0)] | None = None
    price_out: Annotated[float, Field(ge=0)] | None = None
    limits: Limits = Limits()
    deployments: Mapping[str, str] = {}
    api_version: str = AZURE_API_VERSION
    answer_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    without_temperature: tuple[str, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _is_a_plain_address(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
                raise ValueError("an address is http://host… or https://host…, without user and password")
        return value

    @model_validator(mode="after")
    def _has_an_address(self) -> "ProviderSpec":
        if self.protocol in ("openai", "azure", "anthropic") and self.base_url is None:
            raise ValueError(f"base_url is needed for the protocol {self.protocol}")
        return self

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> "ProviderSpec":
        """A spec over what is published of a known name. Raises InvalidInput, naming the field."""
        known = dict(KNOWN.get(str(value.get("name")), {}))
        if "base_url" in value:
            known.pop("data_region", None)
        try:
            return cls.model_validate({**known, **value})
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the provider"
            raise InvalidInput(
                "a provider is not usable",
                expected="{name, protocol, base_url, api_key_variable, data_region, priority, capabilities, limits, …}",
                found=f"{value.get('name')!r}: {where}: {first['msg']}",
                remedy="Correct it in the file that COMPLIANCE_PROVIDERS names.",
            ) from None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port; None for what runs in this process."""
        if self.base_url is None:
            return None
        parts = urlsplit(self.base_url)
        return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)

    def serves(self, model: str) -> bool:
        """Whether it answers for a model, `maker/model`."""
        patterns = self.capabilities.models or (f"{self.name}/*",)
        return any(fnmatchcase(model, pattern) for pattern in patterns)

    def known_as(self, model: str) -> str:
        """The name by which the provider knows a model: its deployment where there is one, else the name without its maker."""
        name = model.partition("/")[2] or model
        return self.deployments.get(model, self.deployments.get(name, name))

    def takes_temperature(self, model: str) -> bool:
        """Whether the parameter may be sent to a model, by either of its names."""
        names = (model.partition("/")[2] or model, self.known_as(model))
        return not any(fnmatchcase(name, pattern) for name in names for pattern in self.without_temperature)

    def price(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """Of one call; None where a price is not known."""
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + answer_tokens * self.price_out) / 1_000_000


class _File(Contract):
    schema_version: Literal["1"]
    providers: tuple[dict[str, Any], ...]


def provider_specs(path: Path) -> tuple[ProviderSpec, ...]:
    """The providers of a file. Raises InvalidInput for a file that is none, naming the field, and for a name that comes twice."""
    try:
        read = _File.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise _unusable(f"{path.name}: {problem.strerror}") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        raise _unusable(f"{path.name}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    specs = tuple(ProviderSpec.from_dict(value) for value in read.providers)
    require_distinct([spec.name for spec in specs])
    return specs


def require_distinct(names: list[str]) -> None:
    """Raises InvalidInput where two providers have one name: a ledger's route names providers."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _unusable(f"{', '.join(twice)} more than once")


def _unusable(found: str) -> InvalidInput:
    return InvalidInput(
        "the providers are not usable",
        expected='{"schema_version": "1", "providers": [{name, …}, …]}, each name once',
        found=found,
        remedy="Correct the file that COMPLIANCE_PROVIDERS names.",
    )
