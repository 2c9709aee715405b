import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.governance.policy import POLICIES, examples_in
from resources.policy import UNAVAILABLE, OpaEngine, PolicyEngine, RegoEngine
from resources.policy_bundle import PolicyBundle
from tests.opa_server import WRONG_HASH, OpaServer, opa_server

BUNDLE = PolicyBundle.read(POLICIES)
ASKED = PolicyInput(
    organization_id="00000000-0000-4000-8000-000000000001",
    user="analyst",
    workload="ddq.draft_response",
    classification="internal",
    model="local/extractive-v1",
    provider_region="tenancy",
    year=2023,
    deployment_profile="tenancy",
)
DENIED = ASKED.model_copy(update={"model": "openai/gpt-5", "provider_region": "us"})
PATIENT = 10.0  # seconds: what is not about time may take it on a busy machine


@contextmanager
def asked_of(server: OpaServer, **settings: object) -> Iterator[OpaEngine]:
    engine = OpaEngine(server.url, BUNDLE, **settings)  # type: ignore[arg-type]
    try:
        yield engine
    finally:
        engine.close()


def changed(folder: Path, change: Callable[[str], str]) -> PolicyBundle:
    """The shipped policy with its rules rewritten."""
    for name, content in BUNDLE.files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(change(content.decode()) if name.endswith(".rego") else content.decode(), encoding="utf-8")
    return PolicyBundle.read(folder)


@pytest.fixture
def server() -> Iterator[OpaServer]:
    with opa_server(BUNDLE) as running:
        yield running


# ── both engines ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_engines_give_the_same_decision_over_the_same_files(server: OpaServer) -> None:
    rego = RegoEngine(BUNDLE)
    with asked_of(server, budget_seconds=PATIENT) as opa:
        for example in examples_in(POLICIES):
            ours, theirs = rego.evaluate(example.input), opa.evaluate(example.input)
            assert ours.outage is None
            assert ours.model_dump(exclude={"engine"}) == theirs.model_dump(exclude={"engine"})
            assert (ours.engine, theirs.engine) == ("regopy", "opa")


def test_a_decision_names_the_policy_that_made_it(server: OpaServer) -> None:
    with asked_of(server, budget_seconds=PATIENT) as opa:
        assert RegoEngine(BUNDLE).evaluate(ASKED).policy_hash == opa.evaluate(ASKED).policy_hash == BUNDLE.policy_hash


def test_a_denial_is_recorded_in_observe_and_binds_in_enforce() -> None:
    observed, enforced = RegoEngine(BUNDLE, "observe").evaluate(DENIED), RegoEngine(BUNDLE).evaluate(DENIED)
    assert (observed.allow, observed.denies) == (False, False)
    assert (enforced.allow, enforced.denies) == (False, True)


def test_an_engine_serves_many_threads(server: OpaServer) -> None:
    with asked_of(server, budget_seconds=PATIENT) as opa, ThreadPoolExecutor(8) as pool:
        for engine in (RegoEngine(BUNDLE), opa):
            found = list(pool.map(engine.evaluate, [ASKED, DENIED] * 40))
            assert [decision.allow for decision in found] == [True, False] * 40


# ── in process ───────────────────────────────────────────────────────────────────────────────────────────────────────


def echoing(folder: Path) -> RegoEngine:
    """A policy that gives the user back as its reason."""
    return RegoEngine(changed(folder, lambda rego: rego.replace('"reason": reason,', '"reason": input.user,')))


@pytest.mark.parametrize("user", ["a\x00b", 'q"\\{}`', "ação\u2028😀", "data.compliance.config", "\x7f\t\r\n"])
def test_the_request_reaches_the_policy_unchanged(tmp_path: Path, user: str) -> None:
    assert echoing(tmp_path).evaluate(ASKED.model_copy(update={"user": user})).reason == user


def test_a_policy_that_asks_for_the_time_is_evaluated_every_time(tmp_path: Path) -> None:
    clock = '"reason": sprintf("%d", [time.now_ns()]),'
    engine = RegoEngine(changed(tmp_path, lambda rego: rego.replace('"reason": reason,', clock)))
    assert engine.evaluate(ASKED).reason != engine.evaluate(ASKED).reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda rego: rego + "\nbroken := ", "does not compile: Invalid assignment operator"),
        (lambda rego: rego.replace("package compliance.decision", "package elsewhere"), "undefined"),
        (lambda rego: rego + '\nreason := "another" if true\n', "contradict"),
        (lambda rego: rego.replace('"allow": count(denials) == 0', '"allow": "true"'), "not a decision: allow"),
        (lambda rego: rego.replace('"allow": count(denials) == 0', '"allow": 1'), "not a decision: allow"),
        (lambda rego: rego.replace('"reason": reason,', ""), "not a decision: reason"),
        (lambda rego: rego.replace('"reason": reason,', '"reason": reason, "extra": 1,'), "not a decision: extra"),
        (
            lambda rego: rego.replace(
                '"transforms": transforms', '"transforms": [{"kind": "drop_redaction", "value": 1}]'
            ),
            "not a decision: transforms.0.kind",
        ),
        (
            lambda rego: rego.replace(
                '"transforms": transforms', '"transforms": [{"kind": "set_max_tokens", "value": "many"}]'
            ),
            "set_max_tokens needs a positive whole number",
        ),
        (
            lambda rego: rego.replace(
                '"transforms": transforms', '"transforms": [{"kind": "set_max_tokens", "value": true}]'
            ),
            "not a decision: transforms",
        ),
    ],
)
def test_a_policy_that_gives_no_sound_answer_is_an_outage(
    tmp_path: Path, change: Callable[[str], str], why: str
) -> None:
    bundle = changed(tmp_path, change)
    decision = RegoEngine(bundle).evaluate(ASKED)
    assert (decision.allow, decision.reason, decision.policy_hash) == (False, UNAVAILABLE, bundle.policy_hash)
    assert decision.denies
    assert why in str(decision.outage)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("egress", {"profiles": {"tenancy": {"data_regions": []}}}),
        ("egress", {"profiles": {"tenancy": {"data_regions": "eu"}}, "bound_to_tenancy": []}),
        ("config", {"workloads": {"ddq.draft_response": {"opt_in_years": True, "least_classification": "public"}}}),
        ("config", {"workloads": {"ddq.draft_response": {"opt_in_years": "yes"}}, "adjustments": []}),
        (
            "config",
            {
                "workloads": {"ddq.draft_response": {"opt_in_years": True, "least_classification": "public"}},
                "adjustments": [{"workloads": ["*"], "classifications": ["*"], "conectors": ["s"]}],
            },
        ),
        (
            "config",
            {
                "workloads": {"ddq.draft_response": {"opt_in_years": True, "least_classification": "public"}},
                "adjustments": [{"workloads": ["*"], "classifications": ["*"], "years": 2021}],
            },
        ),
    ],
)
def test_data_that_lacks_or_misspells_something_denies(tmp_path: Path, name: str, wrong: object) -> None:
    changed(tmp_path, str)
    (tmp_path / "compliance" / name / "data.json").write_text(json.dumps(wrong))
    decision = RegoEngine(PolicyBundle.read(tmp_path)).evaluate(ASKED)
    assert decision.denies
    assert decision.outage


# ── over HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("slow", "no answer within 150 ms"),
        ("drips", "no answer within 150 ms"),
        ("HTTP 500", "HTTP 500"),
        ("HTTP 404", "HTTP 404"),
        ("redirects", "HTTP 307"),
        ("not JSON", "the reply is not JSON"),
        ("undefined", "the answer is undefined"),
        ("lies", "not a decision: allow"),
        ("too long", "longer than"),
        ("hangs up", "RemoteProtocolError"),
    ],
)
def test_a_server_that_misbehaves_is_an_outage_and_denies(server: OpaServer, behaviour: str, why: str) -> None:
    server.behaviour = behaviour
    timed = "no answer" in why
    with asked_of(server, **({} if timed else {"budget_seconds": PATIENT})) as opa:
        decision = opa.evaluate(ASKED)
        assert (decision.allow, decision.reason, decision.policy_hash) == (False, UNAVAILABLE, "unknown")
        assert decision.denies
        assert why in str(decision.outage)
        server.behaviour = "good"
        assert patiently(opa).allow, "it stayed out of order"


def patiently(opa: OpaEngine) -> PolicyDecision:
    """The answer of a server that is well again, on a machine that may be busy."""
    return next(decision for _ in range(50) if (decision := opa.evaluate(ASKED)).outage is None)


def test_a_server_that_is_away_denies_until_it_is_back() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    engine = OpaEngine(url, BUNDLE)
    decision = engine.evaluate(ASKED)
    engine.close()
    assert (decision.denies, decision.reason) == (True, UNAVAILABLE)
    assert "ConnectError" in str(decision.outage)


def test_the_budget_covers_everything(server: OpaServer) -> None:
    server.behaviour = "drips"
    with asked_of(server) as opa:
        opa.evaluate(ASKED)  # loads the client
        started = time.monotonic()
        opa.evaluate(ASKED)
        assert 0.14 < time.monotonic() - started < 1.0


def test_an_outage_in_observe_is_recorded_and_does_not_bind(server: OpaServer) -> None:
    server.behaviour = "HTTP 500"
    with asked_of(server, mode="observe") as opa:
        decision = opa.evaluate(ASKED)
    assert (decision.allow, decision.denies, decision.outage is not None) == (False, False, True)


def test_one_connection_serves_many_requests(server: OpaServer) -> None:
    with asked_of(server, budget_seconds=PATIENT) as opa:
        for _ in range(20):
            assert opa.evaluate(ASKED).allow
    assert (len(server.requests), server.connections) == (20, 1)


def test_a_token_goes_along(server: OpaServer) -> None:
    with asked_of(server, budget_seconds=PATIENT, token="t0ken") as opa:
        opa.evaluate(ASKED)
    assert server.authorizations == ["Bearer t0ken"]


def test_the_environment_sends_no_request_elsewhere(server: OpaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with asked_of(server, budget_seconds=PATIENT) as opa:
        assert opa.evaluate(ASKED).allow


def test_a_server_with_another_policy_is_recorded_under_that_policys_hash(server: OpaServer) -> None:
    server.behaviour = "wrong hash"
    with asked_of(server, budget_seconds=PATIENT) as opa:
        decision = opa.evaluate(ASKED)
    assert (decision.allow, decision.policy_hash) == (True, WRONG_HASH)
    assert decision.policy_hash != opa.bundle_hash


def test_a_server_says_what_it_holds_differently(tmp_path: Path) -> None:
    def differences(bundle: PolicyBundle) -> tuple[str, ...]:
        with opa_server(bundle) as server, asked_of(server, budget_seconds=PATIENT) as opa:
            return opa.differences()

    assert differences(BUNDLE) == ()
    other_rules = changed(tmp_path, lambda rego: rego.replace("not region_permitted", "false"))
    assert differences(other_rules) == ("compliance/decision.rego: not held as it stands here", "1 more modules held")
    changed(tmp_path, str)
    (tmp_path / "compliance/egress/data.json").write_text('{"profiles": {}, "bound_to_tenancy": []}')
    assert differences(PolicyBundle.read(tmp_path)) == ("compliance/egress: other data",)


def test_a_server_that_cannot_be_asked_what_it_holds_is_no_finding() -> None:
    engine: PolicyEngine = OpaEngine("http://127.0.0.1:9", BUNDLE)
    with pytest.raises(DependencyUnavailable, match="does not say what it holds"):
        engine.differences()
