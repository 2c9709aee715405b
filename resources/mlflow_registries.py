"""MLflow's two registries seen alike: prompts by their text, models by reference. What an entry holds is told by its digest.

What of MLflow goes through its current experiment, or makes a version of a logged model, is not used: it asks the tracking store
of the whole process, which is another one, and makes it in the working directory where there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from compliance_assets.contracts.canonical import sha256_hex

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: What is registered here begins so: a server may be shared.
PREFIX = "compliance."
PRODUCTION = "production"
_SHA256 = "sha256"
_NO_SUCH_ALIAS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_MOST = 1_000  # entries, and versions of one: MLflow answers no more at once


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registry is to hold under a name: a prompt's text or, without one, a model by reference.

    `sha256` is of the text, or of what is referred to.
    """

    name: str
    sha256: str
    tags: Mapping[str, str]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A version in a registry, counted from 1, and the digest of what it holds now."""

    name: str
    number: int
    sha256: str


class Registry(Protocol):
    """A registry of entries by name, each with versions."""

    def versions(self, name: str) -> tuple[Version, ...]:
        """Those of a name, the first first; none of a name that is not there."""

    def add(self, entry: Registered) -> Version:
        """A new version."""

    def point(self, version: Version, release_id: str) -> None:
        """The alias `production` to a version, which is tagged with the release that it serves in."""

    def unpoint(self, name: str) -> None:
        """No alias `production`."""

    def pointed(self) -> dict[str, str]:
        """Name -> digest of what the alias `production` points at, of ours."""


def registry_of(client: "MlflowClient", entry: Registered) -> Registry:
    """Where an entry belongs."""
    return Models(client) if entry.text is None else Prompts(client)


class Prompts:
    """The prompt registry. Digests are of the texts as they stand there, whatever their tags say."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def versions(self, name: str) -> tuple[Version, ...]:
        """Those of a name, the first first; none of a name that is not there."""
        if not self._client.search_prompts(f"name = '{name}'"):
            return ()
        found = self._client.search_prompt_versions(name, max_results=_MOST)
        return tuple(sorted((_prompt(one) for one in found), key=lambda version: version.number))

    def add(self, entry: Registered) -> Version:
        """A new version of the text."""
        assert entry.text is not None
        if not self._client.search_prompts(f"name = '{entry.name}'"):
            self._client.create_prompt(entry.name)
        tags = {_SHA256: entry.sha256, **entry.tags}
        return _prompt(self._client.create_prompt_version(entry.name, entry.text, tags=tags))

    def point(self, version: Version, release_id: str) -> None:
        """The alias `production` to a version, which is tagged with the release that it serves in."""
        self._client.set_prompt_version_tag(version.name, version.number, "release_id", release_id)
        self._client.set_prompt_alias(version.name, PRODUCTION, version.number)

    def unpoint(self, name: str) -> None:
        """No alias `production`."""
        self._client.delete_prompt_alias(name, PRODUCTION)

    def pointed(self) -> dict[str, str]:
        """Name -> digest of what the alias `production` points at, of ours."""
        names = [one.name for one in self._client.search_prompts(f"name LIKE '{PREFIX}%'", max_results=_MOST)]
        found = {name: self._at_alias(name) for name in names}
        return {name: version.sha256 for name, version in found.items() if version}

    def _at_alias(self, name: str) -> Version | None:
        """A search says nothing of aliases, and a missing one is an error, of another kind at a server than in a database."""
        from mlflow.exceptions import MlflowException

        try:
            return _prompt(self._client.get_prompt_version_by_alias(name, PRODUCTION))
        except MlflowException as problem:
            if problem.error_code in _NO_SUCH_ALIAS:
                return None
            raise


class Models:
    """The model registry. A version refers to what is kept elsewhere; its digest is what it was registered with."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client

    def versions(self, name: str) -> tuple[Version, ...]:
        """Those of a name, the first first; none of a name that is not there."""
        found = self._client.search_model_versions(f"name = '{name}'", max_results=_MOST)
        return tuple(sorted((_model(one) for one in found), key=lambda version: version.number))

    def add(self, entry: Registered) -> Version:
        """A new version that refers to what has the digest."""
        if not self._client.search_registered_models(f"name = '{entry.name}'"):
            self._client.create_registered_model(entry.name)
        tags = {_SHA256: entry.sha256, **entry.tags}
        source = f"compliance:/sha256/{entry.sha256}"
        return _model(self._client.create_model_version(entry.name, source, tags=tags, await_creation_for=0))

    def point(self, version: Version, release_id: str) -> None:
        """The alias `production` to a version, which is tagged with the release that it serves in."""
        self._client.set_model_version_tag(version.name, str(version.number), "release_id", release_id)
        self._client.set_registered_model_alias(version.name, PRODUCTION, str(version.number))

    def unpoint(self, name: str) -> None:
        """No alias `production`."""
        self._client.delete_registered_model_alias(name, PRODUCTION)

    def pointed(self) -> dict[str, str]:
        """Name -> digest of what the alias `production` points at, of ours."""
        ours = self._client.search_registered_models(f"name LIKE '{PREFIX}%'", max_results=_MOST)
        aliased = {model.name: model.aliases[PRODUCTION] for model in ours if PRODUCTION in model.aliases}
        return {name: _model(self._client.get_model_version(name, number)).sha256 for name, number in aliased.items()}


def _prompt(found: object) -> Version:
    return Version(found.name, int(found.version), sha256_hex(str(found.template)))  # type: ignore[attr-defined]


def _model(found: object) -> Version:
    return Version(found.name, int(found.version), found.tags.get(_SHA256, ""))  # type: ignore[attr-defined]
