"""MLflow as a database in the data directory (tests/faults/test_mlflow_server.py: as a server), and MLflow that is away."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from resources.mlflow_registries import PRODUCTION, Registered, Version
from resources.settings import Settings
from resources.tracking import RUN_DIGEST, NotTracked, RunRecord, TrackedRun, Tracking, tracking_from
from tests.mlflow_server import bad_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROMPT, MODEL = "compliance.irpf.triage", "compliance.irpf.triage.thresholds"


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    return tracking_from(Settings.from_environment({}, data_dir=tmp_path_factory.mktemp("mlflow")))


@pytest.fixture
def client(tracking: Tracking) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


def a_run(what: str) -> RunRecord:
    return RunRecord(
        experiment="trials",
        name=what,
        digest=sha256_hex(what),
        params={"chunker": "v1", "golden_set": None},
        metrics={"type_right": 0.98},
        tags={"dagster_run_id": "r-1"},
        datasets={"golden": sha256_hex("filings")},
        files={"report.md": b"# Report", "plots/curve.png": b"\x89PNG"},
        tables={"changed.json": [{"filing": "g-1", "before": "original", "after": "retificadora"}]},
    )


def prompt(text: str) -> Registered:
    return Registered(PROMPT, sha256_hex(text), {"template": "irpf.triage@1"}, text)


def model(what: str, name: str = MODEL) -> Registered:
    return Registered(name, sha256_hex(what), {"auto_decide": what})


def logged(tracking: Tracking, record: RunRecord) -> TrackedRun:
    run = tracking.log(record)
    assert isinstance(run, TrackedRun), run
    return run


def registered(tracking: Tracking, *entries: Registered) -> list[int]:
    versions = tracking.register(entries)
    assert not isinstance(versions, NotTracked), versions
    return [version.number for version in versions]


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_keeps_what_was_measured_and_on_what(tracking: Tracking, client: "MlflowClient", tmp_path: Path) -> None:
    from mlflow.artifacts import download_artifacts

    run = client.get_run(logged(tracking, a_run("whole")).run_id)

    assert run.data.params == {"chunker": "v1", "golden_set": "None"}
    assert run.data.metrics == {"type_right": 0.98}
    assert run.data.tags["dagster_run_id"] == "r-1"
    (dataset,) = [one.dataset for one in run.inputs.dataset_inputs]
    assert (dataset.name, json.loads(dataset.source)) == ("golden", {"sha256": sha256_hex("filings")})
    files = Path(download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path), tracking_uri=tracking.uri))
    assert (files / "report.md").read_bytes() == b"# Report"
    assert (files / "plots/curve.png").read_bytes() == b"\x89PNG"
    assert json.loads((files / "changed.json").read_text()) == {
        "columns": ["filing", "before", "after"],
        "data": [["g-1", "original", "retificadora"]],
    }


def test_the_same_is_found_again_and_not_logged_twice(tracking: Tracking) -> None:
    first = logged(tracking, a_run("again"))

    assert logged(tracking, a_run("again")) == first
    assert logged(tracking, a_run("other")).run_id != first.run_id


def test_a_run_that_was_not_logged_whole_is_logged_anew(tracking: Tracking, client: "MlflowClient") -> None:
    experiment = logged(tracking, a_run("first of all")).page.split("/")[2]
    broken_off = client.create_run(experiment, tags={RUN_DIGEST: sha256_hex("broken off")})

    run = logged(tracking, a_run("broken off"))

    assert run.run_id != broken_off.info.run_id
    assert (tracking.holds(run.run_id), tracking.holds(broken_off.info.run_id)) == (True, False)


def test_a_run_that_somebody_deleted_is_missed_and_made_up_for(tracking: Tracking, client: "MlflowClient") -> None:
    run = logged(tracking, a_run("deleted"))
    client.delete_run(run.run_id)

    assert not tracking.holds(run.run_id)
    assert tracking.holds(logged(tracking, a_run("deleted")).run_id)
    assert not tracking.holds("0" * 32)


def test_a_run_that_cannot_be_logged_whole_says_why_and_is_marked(tracking: Tracking, client: "MlflowClient") -> None:
    unheard_of = replace(a_run("unheard of"), metrics={"a metric with a #": 1.0})

    assert isinstance(tracking.log(unheard_of), NotTracked)

    experiment = logged(tracking, a_run("first of all")).page.split("/")[2]
    (run,) = client.search_runs([experiment], f"tags.{RUN_DIGEST} = '{unheard_of.digest}'")
    assert run.info.status == "FAILED"


# ── registries ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_text_is_one_version_in_whatever_order_texts_come(tracking: Tracking, client: "MlflowClient") -> None:
    texts = ["Keep to {scope}. {{json}}\n", "Guess.", "Keep to {scope}. {{json}}\n"]

    numbers = [registered(tracking, prompt(text), model(text)) for text in texts]

    assert numbers[0] == numbers[2] != numbers[1]
    found = client.get_prompt_version(PROMPT, numbers[0][0])
    assert found is not None
    assert found.template == texts[0]
    assert found.tags["template"] == "irpf.triage@1"
    assert found.tags["sha256"] == sha256_hex(texts[0])
    assert client.get_model_version(MODEL, str(numbers[1][1])).tags["auto_decide"] == "Guess."


def test_a_text_that_was_edited_in_the_registry_no_longer_has_its_digest(
    tracking: Tracking, client: "MlflowClient"
) -> None:
    (number,) = registered(tracking, prompt("To be edited."))
    assert Version(PROMPT, number, sha256_hex("To be edited.")) in tracking.versions([prompt("")])[PROMPT]

    client.set_prompt_version_tag(PROMPT, number, "mlflow.prompt.text", "Edited.")

    assert Version(PROMPT, number, sha256_hex("Edited.")) in tracking.versions([prompt("")])[PROMPT]


def test_of_a_name_that_is_not_there_there_are_no_versions(tracking: Tracking) -> None:
    unknown = [replace(prompt(""), name="compliance.unknown"), model("", "compliance.unknown.thresholds")]

    assert list(tracking.versions(unknown).values()) == [(), ()]


def test_the_alias_follows_production_and_what_somebody_moved_shows(tracking: Tracking, client: "MlflowClient") -> None:
    old, new = [prompt("Old."), model("0.9")], [prompt("New."), model("0.8")]
    tracking.mirror_production("release-1", old)
    tracking.mirror_production("release-2", new)
    assert tracking.aliases() == {PROMPT: sha256_hex("New."), MODEL: sha256_hex("0.8")}

    tracking.mirror_production("release-1", old)
    assert tracking.aliases() == {PROMPT: sha256_hex("Old."), MODEL: sha256_hex("0.9")}
    assert client.get_model_version_by_alias(MODEL, PRODUCTION).tags["release_id"] == "release-1"

    client.set_prompt_alias(PROMPT, PRODUCTION, registered(tracking, prompt("New."))[0])
    client.delete_registered_model_alias(MODEL, PRODUCTION)
    assert tracking.aliases() == {PROMPT: sha256_hex("New.")}


def test_what_serves_no_more_loses_the_alias_and_what_is_not_ours_is_left_alone(
    tracking: Tracking, client: "MlflowClient"
) -> None:
    registered(tracking, model("theirs", "another-team"))
    client.set_registered_model_alias("another-team", PRODUCTION, "1")
    gone = [replace(prompt("Gone."), name="compliance.gone"), model("gone", "compliance.gone.thresholds")]
    tracking.mirror_production("release-1", [*gone, prompt("Stays.")])

    tracking.mirror_production("release-2", [prompt("Stays.")])

    assert tracking.aliases() == {PROMPT: sha256_hex("Stays.")}
    assert int(client.get_model_version_by_alias("another-team", PRODUCTION).version) == 1


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_server_a_run_says_how_to_open_its_page(tracking: Tracking) -> None:
    run = logged(tracking, a_run("linked"))

    assert run.url is None
    assert run.page.endswith(f"/runs/{run.run_id}")
    assert run.command == f"mlflow ui --backend-store-uri {tracking.uri}"


# ── away ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("behaviour", ["HTTP 500", "HTTP 503", "not JSON", "silent", "drips"])
def test_a_server_that_misbehaves_costs_so_many_seconds_and_no_more(behaviour: str, tmp_path: Path) -> None:
    with bad_server(behaviour) as server:
        tracking = Tracking(server.url, tmp_path, seconds=1.0)
        started = time.monotonic()
        assert isinstance(tracking.log(a_run("lost")), NotTracked)
        with pytest.raises(DependencyUnavailable, match="MLflow is not available"):
            tracking.aliases()
        assert time.monotonic() - started < 6


def test_a_server_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    tracking = Tracking("http://user:secret@127.0.0.1:9", tmp_path)

    started = time.monotonic()
    with pytest.raises(DependencyUnavailable) as away:
        tracking.mirror_production("release-1", [prompt("Text.")])

    assert time.monotonic() - started < 20  # of the two minutes that it would have
    assert "http://127.0.0.1:9" in away.value.expected
    assert "secret" not in str(away.value)
    assert "secret" not in repr(tracking)


def test_a_database_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.write_text("a file")

    found = Tracking(f"sqlite:///{lost / 'mlflow.db'}", tmp_path, seconds=2.0).log(a_run("lost"))

    assert isinstance(found, NotTracked)
    assert found.why


def test_nothing_is_left_in_the_working_directory(
    tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow makes a database there for whatever asks its own current store."""
    monkeypatch.chdir(tmp_path)

    logged(tracking, a_run("here"))
    tracking.mirror_production("release-1", [prompt("Text."), model("0.9")])

    assert list(tmp_path.iterdir()) == []
