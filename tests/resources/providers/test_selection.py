from hypothesis import given
from hypothesis import strategies as st

from resources.providers import ModelRequest, ProviderSpec, cheapest_for_tokens, eligible_chain
from resources.providers.selection import lies_in

ASKED = ModelRequest("a question of about ten tokens, in English")


def spec(name: str, **fields: object) -> ProviderSpec:
    capabilities = {"models": ["m/*"], **dict(fields.pop("capabilities", {}))}  # type: ignore[call-overload]
    return ProviderSpec.model_validate({"name": name, "protocol": "told", "capabilities": capabilities, **fields})


def names(specs: list[ProviderSpec], request: ModelRequest = ASKED, **restrictions: object) -> list[str]:
    return [link.spec.name for link in eligible_chain(specs, request, ["m/large"], **restrictions).links]  # type: ignore[arg-type]


def reasons(specs: list[ProviderSpec], request: ModelRequest = ASKED, **restrictions: object) -> list[str]:
    return [d.reason for d in eligible_chain(specs, request, ["m/large"], **restrictions).dropped]  # type: ignore[arg-type]


def test_the_lowest_priority_number_is_asked_first() -> None:
    assert names([spec("stub", priority=100), spec("second", priority=50), spec("first", priority=10)]) == [
        "first", "second", "stub",
    ]  # fmt: skip


def test_models_are_tried_in_the_order_of_the_route_whatever_their_providers_priorities() -> None:
    chain = eligible_chain(
        [spec("a", priority=90, capabilities={"models": ["x/*"]}), spec("b", priority=10)], ASKED, ["x/one", "m/large"]
    )
    assert [(link.spec.name, link.model) for link in chain.links] == [("a", "x/one"), ("b", "m/large")]


def test_a_provider_serves_the_models_of_its_own_name_unless_it_says_otherwise() -> None:
    own = ProviderSpec(name="mistral", protocol="told")
    assert own.serves("mistral/large")
    assert not own.serves("openai/gpt-5")


def test_a_model_that_nobody_serves_is_said_to_be_so() -> None:
    assert eligible_chain([spec("a")], ASKED, ["other/x"]).dropped[0].reason == "no provider serves it"


def test_a_provider_without_the_operation_is_left_out() -> None:
    chat_only = spec("a", capabilities={"operations": ["chat"]})
    assert reasons([chat_only], ModelRequest("q", operation="stream")) == ["it has no stream"]


def test_a_context_has_to_hold_prompt_and_answer() -> None:
    small = spec("a", capabilities={"max_context": 1_000})

    assert names([small], ModelRequest("q", prompt_tokens=900, max_tokens=100)) == ["a"]
    assert reasons([small], ModelRequest("q", prompt_tokens=900, max_tokens=101)) == [
        "about 1001 tokens do not fit its context of 1000"
    ]


def test_providers_outside_the_egress_profile_are_left_out_and_said_so() -> None:
    specs = [
        spec("zone", data_region="eu-central-1"),
        spec("us", data_region="US"),
        spec("unsaid"),
        spec("own", data_region="tenancy"),
    ]

    assert names(specs, allowed_regions={"eu"}) == ["own", "zone"]
    assert reasons(specs, allowed_regions={"eu"}) == [
        "data may not go to an undeclared region",
        "data may not go to US",
    ]
    assert names(specs, allowed_regions=set()) == ["own"]


def test_a_policys_constraint_is_on_the_provider_not_on_the_models_maker() -> None:
    both = [spec("openai"), spec("azure-eu")]
    assert names(both, provider_constraints=("azure-eu",)) == ["azure-eu"]


def test_the_cheapest_is_that_for_these_tokens() -> None:
    long_prompts, long_answers = spec("a", price_in=1, price_out=10), spec("b", price_in=3, price_out=4)

    assert cheapest_for_tokens([long_prompts, long_answers], 100_000, 1_000) == long_prompts
    assert cheapest_for_tokens([long_prompts, long_answers], 1_000, 100_000) == long_answers


def test_a_provider_without_a_price_is_never_the_cheapest_and_comes_last_by_cost() -> None:
    specs = [spec("unsaid", priority=1), spec("dear", price_in=9, price_out=9), spec("free", price_in=0, price_out=0)]

    assert cheapest_for_tokens(specs[:1], 1, 1) is None
    assert names(specs, order="cost") == ["free", "dear", "unsaid"]


SPECS = st.builds(
    spec,
    st.sampled_from("abcdef"),
    priority=st.integers(0, 100),
    data_region=st.sampled_from([None, "eu", "us", "tenancy", "eu-west-1"]),
    price_in=st.one_of(st.none(), st.floats(0, 100)),
    price_out=st.one_of(st.none(), st.floats(0, 100)),
)


@given(
    st.lists(SPECS, max_size=6, unique_by=lambda s: s.name),
    st.sets(st.sampled_from(["eu", "us"])),
    st.one_of(st.none(), st.sets(st.sampled_from("abcdef"))),
    st.sampled_from(["priority", "cost"]),
)
def test_every_serving_provider_is_asked_or_left_out_with_a_reason_and_none_against_a_restriction(
    specs: list[ProviderSpec], regions: set[str], providers: set[str] | None, order: str
) -> None:
    chain = eligible_chain(
        specs, ASKED, ["m/large"], allowed_regions=regions, provider_constraints=providers, order=order  # type: ignore[arg-type]
    )  # fmt: skip
    asked = [link.spec for link in chain.links]

    left_out = [d.provider for d in chain.dropped if d.provider != "none"]

    assert sorted(s.name for s in specs) == sorted([*(s.name for s in asked), *left_out])
    assert all(lies_in(s.data_region, regions) for s in asked)
    assert providers is None or all(s.name in providers for s in asked)
    if order == "priority":
        assert [s.priority for s in asked] == sorted(s.priority for s in asked)


@given(st.lists(SPECS, max_size=6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_provider_is_cheaper_than_the_cheapest(specs: list[ProviderSpec], prompt: int, answer: int) -> None:
    cheapest = cheapest_for_tokens(specs, prompt, answer)
    prices = [price for s in specs if (price := s.price(prompt, answer)) is not None]

    assert (cheapest is None) == (not prices)
    assert cheapest is None or cheapest.price(prompt, answer) == min(prices)
