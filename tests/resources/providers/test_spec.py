import json
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import InvalidInput
from resources.providers import ProviderSpec, provider_specs
from resources.providers.spec import KNOWN


def file_of(folder: Path, *providers: object) -> Path:
    path = folder / "providers.json"
    path.write_text(json.dumps({"schema_version": "1", "providers": providers}), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(set(KNOWN) - {"azure"}))
def test_a_known_name_is_enough(name: str) -> None:
    assert ProviderSpec.from_dict({"name": name}).name == name


def test_a_file_names_providers_and_overrides_what_differs(tmp_path: Path) -> None:
    specs = provider_specs(file_of(tmp_path, {"name": "mistral", "priority": 10}, {"name": "stub"}))
    assert [(s.name, s.priority, s.data_region) for s in specs] == [("mistral", 10, "eu"), ("stub", 100, "tenancy")]


def test_a_region_belongs_to_an_address() -> None:
    assert ProviderSpec.from_dict({"name": "mistral"}).data_region == "eu"
    assert ProviderSpec.from_dict({"name": "mistral", "base_url": "https://elsewhere.example/v1"}).data_region is None


def test_a_model_is_known_by_its_deployment() -> None:
    azure = ProviderSpec.from_dict(
        {
            "name": "azure",
            "base_url": "https://x.openai.azure.com",
            "deployments": {"gpt-5": "a", "openai/gpt-4.1": "b"},
        }
    )
    known = {model: azure.known_as(model) for model in ("azure/gpt-5", "openai/gpt-4.1", "azure/gpt-4.1")}
    assert known == {"azure/gpt-5": "a", "openai/gpt-4.1": "b", "azure/gpt-4.1": "gpt-4.1"}


def test_models_that_refuse_a_temperature_are_not_sent_one() -> None:
    openai = ProviderSpec.from_dict({"name": "openai"})
    azure = ProviderSpec.from_dict({"name": "azure", "base_url": "https://x.test", "deployments": {"gpt-5": "ours"}})

    assert openai.takes_temperature("openai/gpt-4.1")
    assert not openai.takes_temperature("openai/gpt-5")
    assert not azure.takes_temperature("azure/gpt-5"), "by its own name, whatever the deployment is called"
    assert not ProviderSpec.from_dict({"name": "anthropic"}).takes_temperature("anthropic/claude-opus-4-7")


@pytest.mark.parametrize(
    ("provider", "where"),
    [
        ({"name": "azure"}, "base_url"),
        ({"name": "openai", "base_url": "ftp://x"}, "base_url"),
        ({"name": "openai", "base_url": "https://user:hunter2@x"}, "base_url"),
        ({"name": "openai", "limits": {"total_seconds": 0}}, "limits.total_seconds"),
        ({"name": "openai", "regoin": "eu"}, "regoin"),
        ({"name": "Open AI"}, "protocol|name"),
        ({}, "name"),
    ],
)
def test_a_mistake_is_named_with_its_field(tmp_path: Path, provider: dict[str, object], where: str) -> None:
    with pytest.raises(InvalidInput, match=where) as caught:
        provider_specs(file_of(tmp_path, provider))
    assert "hunter2" not in str(caught.value)


def test_a_name_comes_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="mistral more than once"):
        provider_specs(file_of(tmp_path, {"name": "mistral"}, {"name": "mistral"}))


@pytest.mark.parametrize("content", ["", "[]", '{"providers": []}', '{"schema_version": "2", "providers": []}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "providers.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidInput, match="COMPLIANCE_PROVIDERS"):
        provider_specs(path)


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        provider_specs(tmp_path / "none.json")
