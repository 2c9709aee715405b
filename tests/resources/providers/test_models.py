import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.providers import Completion, ModelRequest, Models, NoProviderLeft, ProviderSpec, RoutedModel
from resources.providers.adapters import adapter_for
from tests.model_servers import TEXT, ModelServer, model_server
from tests.resources.providers.reaching import KEYS, PATIENT, spec_at

ASKED = ModelRequest("a question")


class House:
    """A model of this process."""

    model = "local/house-v1"
    away = False

    def complete(self, prompt: str) -> Completion:
        if self.away:
            raise DependencyUnavailable("away", expected="it", found="nobody: " + prompt, remedy="Wait.")
        return Completion(f"heard {len(prompt)}", self.model, "local", 1, 0.0)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


def test_a_model_of_this_process_is_asked_like_any_other() -> None:
    made = Models(local=[House()]).ask(ASKED, ["local/house-v1"])
    assert (made.text, made.model, made.provider, made.attempts) == ("heard 10", "local/house-v1", "local", 1)


def test_a_model_of_this_process_that_is_away_is_a_failure_that_quotes_nothing() -> None:
    house = House()
    house.away = True
    with pytest.raises(NoProviderLeft, match=r"local/house-v1: failed \(DependencyUnavailable\)") as caught:
        Models(local=[house]).ask(ASKED, ["local/house-v1"])
    assert "a question" not in str(caught.value)


def test_a_route_goes_from_a_provider_to_this_process(server: ModelServer) -> None:
    server.behaviour = "HTTP 503"
    models = Models([spec_at(server, "openai", PATIENT)], [House()], environment=KEYS)
    made = models.ask(ASKED, ["openai/m", "local/house-v1"])

    assert (made.provider, made.fallback_from) == ("local", "openai")
    models.close()


def test_a_route_has_the_shape_of_one_provider(server: ModelServer) -> None:
    models = Models([spec_at(server, "anthropic", PATIENT)], environment=KEYS)
    routed = RoutedModel(models, ("anthropic/m",))

    assert routed.model == "anthropic/m"
    assert routed.complete("a question").text == routed.complete(ASKED).text == TEXT
    models.close()


def test_the_stub_ends_a_chain_and_says_that_nothing_suffices() -> None:
    stub = ProviderSpec.from_dict(
        {"name": "stub", "capabilities": {"models": ["m/*"], "operations": ["chat", "stream"]}}
    )
    models = Models([stub])

    whole = models.ask(ASKED, ["m/large"]).text
    assert "insufficient_evidence" in whole
    assert "".join(models.route_stream_with_fallback(ASKED, ["m/large"])) == whole


def test_regions_are_those_of_the_providers_that_serve_a_model() -> None:
    def spec(name: str, region: str | None, *models: str) -> ProviderSpec:
        return ProviderSpec.from_dict(
            {"name": name, "protocol": "openai", "base_url": "http://x.test", "data_region": region,
             "capabilities": {"models": models}}
        )  # fmt: skip

    models = Models(
        [spec("a", "eu", "m/one", "m/two", "p/*"), spec("b", "us", "m/two"), spec("c", None, "m/three")], [House()]
    )

    assert models.regions == {"local/house-v1": "tenancy", "m/one": "eu", "m/two": None, "m/three": None}
    assert models.regions_of(["p/any", "nobody/x"]) == {"p/any": "eu", "nobody/x": None}
    assert models.providers_of("m/two") == ("a", "b")


def test_a_model_is_reachable_in_this_process_and_where_a_server_accepts(server: ModelServer) -> None:
    away = ProviderSpec.from_dict({"name": "away", "protocol": "openai", "base_url": "http://127.0.0.1:9/v1"})
    models = Models([spec_at(server, "openai"), away], [House()])

    assert models.any_reachable(["local/house-v1"])
    assert models.any_reachable(["away/m", "openai/m"])
    assert not models.any_reachable(["away/m", "nobody/m"])
    assert server.requests == [], "nothing is sent"


def test_a_protocol_that_nothing_speaks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'gopher'"):
        Models([ProviderSpec(name="a", protocol="gopher")])


def test_a_protocol_may_come_from_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def load(self) -> object:
            return lambda spec, key: (spec.name, key)

    asked: list[dict[str, str]] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **group: (asked.append(group), [Point()])[1])
    made = adapter_for(ProviderSpec(name="a", protocol="gopher", api_key_variable="K"), {"K": "key"})

    assert made == ("a", "key")
    assert asked == [{"group": "compliance.providers", "name": "gopher"}]


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match="local more than once"):
        Models([ProviderSpec.from_dict({"name": "local", "protocol": "stub"})], [House()])


def test_importing_and_making_models_loads_no_sdk() -> None:
    code = textwrap.dedent("""
        import sys
        from resources.providers import Models, ProviderSpec
        from resources.providers.in_process import StubAdapter
        Models([ProviderSpec.from_dict({"name": name}) for name in ("stub",)])
        print(sorted({"openai", "anthropic", "httpx", "httpx2", "httpcore2"} & set(sys.modules)))
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True)
    assert run.stdout.strip() == "[]"
