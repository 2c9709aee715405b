import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.policy import Classification
from compliance_assets.governance.egress import EgressProfile, permitted, profile_named, region_of
from compliance_assets.governance.policy import CLASSIFICATIONS, POLICIES, classification_of, examples_in
from resources.policy import RegoEngine
from resources.policy_bundle import PolicyBundle

ENGINE = RegoEngine(PolicyBundle.read(POLICIES))
ASKED = examples_in(POLICIES)[0].input
PROFILES = tuple(ENGINE.bundle.documents["compliance/egress"]["profiles"])
REGIONS = ("tenancy", "eu", "EU", "eu-central-1", "europe", "br", "br-south", "us", "u", "", None)


@pytest.mark.parametrize("region", ["eu", "br", "us", None, "", "tenan"])
def test_nothing_leaves_a_tenancy(region: str | None) -> None:
    assert not permitted("tenancy", region)
    assert permitted("tenancy", "tenancy")


@pytest.mark.parametrize(
    ("region", "may"), [("eu", True), ("eu-west-3", True), ("EU", True), ("europe", False), ("us", False)]
)
def test_a_zone_lies_in_its_region(region: str, may: bool) -> None:
    assert permitted("eu", region) is may


def test_where_nobody_says_is_nowhere_but_under_a_profile_that_permits_all() -> None:
    assert [name for name in PROFILES if permitted(name, None)] == ["any"]


def test_health_data_stays_under_every_profile() -> None:
    assert [name for name in PROFILES if permitted(name, "eu", "phi")] == []
    assert all(permitted(name, "tenancy", "phi") for name in PROFILES)


def test_a_local_model_is_in_the_tenancy_whatever_it_declares() -> None:
    assert region_of("local/irpf-v1", "us") == "tenancy"
    assert region_of("openai/gpt-5", "US") == "us"
    assert region_of("openai/gpt-5", None) is None


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown egress profile"):
        profile_named("moon")


def test_a_profile_is_of_the_data_that_is_given() -> None:
    data = {"profiles": {"nordic": {"data_regions": ["se", "no"]}}, "bound_to_tenancy": ["pii"]}
    assert profile_named("nordic", data) == EgressProfile("nordic", frozenset({"se", "no"}), frozenset({"pii"}))


@given(st.sampled_from(PROFILES), st.sampled_from(REGIONS), st.sampled_from(CLASSIFICATIONS), st.booleans())
def test_the_policy_and_the_last_look_before_the_wire_agree(
    profile: str, declared: str | None, asked: Classification, local: bool
) -> None:
    model = "local/small" if local else "openai/gpt-5"
    request = ASKED.model_copy(
        update={"model": model, "provider_region": declared, "classification": asked, "deployment_profile": profile}
    )
    found = ENGINE.evaluate(request)
    assert found.outage is None
    assert found.allow == permitted(profile, region_of(model, declared), classification_of(asked, found))
