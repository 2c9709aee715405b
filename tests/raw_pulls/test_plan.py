from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.raw_pulls.connector import SourceFile
from compliance_assets.raw_pulls.labels import Label
from compliance_assets.raw_pulls.plan import LivePull, Plan, plan_pull, pull_id_of

Live = dict[str, LivePull]

paths = st.sampled_from(["a.md", "b.md", "c.md", "sub/d.md"])
labels_drawn = st.builds(
    Label,
    st.sampled_from([None, 2021, 2022]),
    st.sampled_from([None, "Northwind"]),
    st.just("title"),
    st.none(),
    st.sampled_from(["manifest", "none"]),
    st.sampled_from([(), ("board",)]),
)
listings = st.dictionaries(paths, st.tuples(st.sampled_from(["v1", "v2"]), labels_drawn))


def pulled(path: str, version: str, label: Label, previous: LivePull | None) -> LivePull:
    digest = sha256_hex(f"{path}{version}")
    pull_id = pull_id_of("src", path, digest, label, previous.versions if previous else 0)
    return LivePull(pull_id, path, "pulled", digest, version, label.digest, label.year, access=label.access)


def planned(listing: dict[str, tuple[str, Label]], live: Live) -> Plan:
    files = tuple(SourceFile(path, 1, version) for path, (version, _) in sorted(listing.items()))
    return plan_pull(files, live, {path: label for path, (_, label) in listing.items()})


def applied(listing: dict[str, tuple[str, Label]], live: Live) -> Live:
    """What we hold after a plan was carried out."""
    plan = planned(listing, live)
    after = dict(live)
    for path, access in plan.access.items():
        after[path] = replace(after[path], access=access)
    for file in plan.to_read:
        after[file.path] = pulled(file.path, file.version, listing[file.path][1], live.get(file.path))
    for gone in plan.removed:
        after[gone.path] = replace(gone, pull_id=f"{gone.pull_id}-", state="removed", object_sha256=None)
    return after


def held(listing: dict[str, tuple[str, Label]], history: list[dict[str, tuple[str, Label]]]) -> Live:
    live: Live = {}
    for earlier in [*history, listing]:
        live = applied(earlier, live)
    return live


@given(listings, st.lists(listings, max_size=3))
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    listing: dict[str, tuple[str, Label]], history: list[dict[str, tuple[str, Label]]]
) -> None:
    live = held(listing, history)
    assert planned(listing, live) == Plan((), (), unchanged=len(listing))


@given(listings, st.lists(listings, max_size=3))
def test_we_hold_exactly_what_the_source_lists(
    listing: dict[str, tuple[str, Label]], history: list[dict[str, tuple[str, Label]]]
) -> None:
    live = held(listing, history)
    present = {path: pull.source_version for path, pull in live.items() if pull.state != "removed"}
    assert present == {path: version for path, (version, _) in listing.items()}


@given(listings, st.lists(listings, max_size=3))
def test_who_may_see_a_file_is_who_its_label_names(
    listing: dict[str, tuple[str, Label]], history: list[dict[str, tuple[str, Label]]]
) -> None:
    live = held(listing, history)
    assert {path: live[path].access for path in listing} == {path: label.access for path, (_, label) in listing.items()}


@given(listings, listings)
def test_every_listed_file_is_either_read_or_unchanged(
    before: dict[str, tuple[str, Label]], now: dict[str, tuple[str, Label]]
) -> None:
    plan = planned(now, applied(before, {}))
    assert len(plan.to_read) + plan.unchanged == len(now)
    assert {pull.path for pull in plan.removed} == set(before) - set(now)


def test_an_unreadable_file_is_tried_again_at_each_pull() -> None:
    label = Label(2021, None, "a", None, "none")
    pull = LivePull("pull_1", "a.md", "unreadable", None, "v1", label.digest, 2021)
    plan = plan_pull([SourceFile("a.md", 1, "v1")], {"a.md": pull}, {"a.md": label})
    assert [file.path for file in plan.to_read] == ["a.md"]


def test_the_id_of_a_version_depends_on_its_file_its_label_and_its_predecessor() -> None:
    label, other = Label(2021, None, "a", None, "none"), Label(2022, None, "a", None, "none")
    ids = {
        pull_id_of("src_1", "a.md", "0" * 64, label, 0),
        pull_id_of("src_2", "a.md", "0" * 64, label, 0),
        pull_id_of("src_1", "b.md", "0" * 64, label, 0),
        pull_id_of("src_1", "a.md", "1" * 64, label, 0),
        pull_id_of("src_1", "a.md", None, label, 0),
        pull_id_of("src_1", "a.md", "0" * 64, other, 0),
        pull_id_of("src_1", "a.md", "0" * 64, label, 1),
    }
    assert len(ids) == 7
    assert pull_id_of("src_1", "a.md", "0" * 64, label, 0) in ids
