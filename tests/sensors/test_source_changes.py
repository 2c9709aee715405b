"""The sensor, tick by tick, on a real folder and a real database."""

import os
from pathlib import Path

import dagster as dg

from compliance_assets import commands
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.definitions import build_defs
from compliance_assets.deployment import Deployment
from compliance_assets.year_index.search import ask, search
from sensors.source_changes import source_changes
from tests.conftest import write_source


def tick(deployment: Deployment, instance: dg.DagsterInstance) -> dict[str, str | None]:
    """run_key -> partition of what the sensor requests."""
    defs = build_defs(deployment)
    with dg.build_sensor_context(instance=instance, definitions=defs, resources=deployment.resources()) as context:
        result = source_changes(context)
    requests = result.run_requests if isinstance(result, dg.SensorResult) else []
    return {request.run_key: request.partition_key for request in requests}


def reason(deployment: Deployment, instance: dg.DagsterInstance) -> str:
    """Why the sensor requests nothing."""
    defs = build_defs(deployment)
    with dg.build_sensor_context(instance=instance, definitions=defs, resources=deployment.resources()) as context:
        skipped = source_changes(context)
    assert isinstance(skipped, dg.SkipReason)
    return str(skipped.skip_message)


def test_a_changed_an_added_and_a_removed_file_request_one_run_a_year(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(deployment, instance) == {}

        (source / "2021" / "northwind.md").write_text("# Liquidity policy\n\nNothing is kept.\n")
        assert list(tick(deployment, instance).values()) == ["2021"]

        (source / "2022" / "southwind.md").unlink()
        assert sorted(tick(deployment, instance).values()) == ["2021", "2022"]


def test_the_same_change_keeps_its_run_key_and_the_next_change_gets_another(
    deployment: Deployment, source: Path
) -> None:
    commands.ingest(deployment, str(source))
    changed = source / "2021" / "northwind.md"
    with dg.DagsterInstance.ephemeral() as instance:
        changed.write_text("first change")
        first = tick(deployment, instance)
        assert tick(deployment, instance) == first

        changed.write_text("second change")
        assert tick(deployment, instance).keys().isdisjoint(first)


def test_a_file_that_moved_to_another_year_touches_both(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    manifest = source / "manifest.jsonl"
    manifest.write_text(
        manifest.read_text().replace(
            '"year": 2021, "filer_category": "Northwind"', '"year": 2023, "filer_category": "Northwind"'
        )
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert sorted(tick(deployment, instance).values()) == ["2021", "2023"]


def test_a_file_without_a_label_is_taken_in_first_and_its_year_follows(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    (source / "note.txt").write_text("Report for the fiscal year 2023. The board met twice.")
    with dg.DagsterInstance.ephemeral() as instance:
        ((key, partition),) = tick(deployment, instance).items()
        assert (key.split(":")[1], partition) == ("unknown", None)

        build_defs(deployment).resolve_job_def("intake").execute_in_process(instance=instance)
        assert list(tick(deployment, instance).values()) == ["2023"]


def test_after_the_requested_run_nothing_is_left_to_do(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    (source / "2021" / "northwind.md").write_text("# Policy\n\nThe buffer is 40 percent.\n")
    with dg.DagsterInstance.ephemeral() as instance:
        (partition,) = tick(deployment, instance).values()
        job = build_defs(deployment).resolve_job_def("corpus_to_ledger")
        assert job.execute_in_process(instance=instance, partition_key=partition).success
        assert tick(deployment, instance) == {}


def test_a_source_that_cannot_be_listed_is_named_and_does_not_hold_up_the_others(
    deployment: Deployment, source: Path, tmp_path: Path
) -> None:
    other = write_source(tmp_path / "other")
    commands.ingest(deployment, str(source))
    commands.ingest(deployment, str(other))
    os.rename(source, source.with_name("elsewhere"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert "cannot be listed" in reason(deployment, instance)

        (other / "2022" / "northwind.md").write_text("changed")
        assert list(tick(deployment, instance).values()) == ["2022"]

    report = commands.ingest(deployment, str(other))
    assert report.documents == {"ok": 8}, "nothing of the missing source was taken for removed"
    assert "elsewhere" not in str(report.unreachable_sources)
    assert len(report.unreachable_sources) == 1


def found(deployment: Deployment, question: str, year: int) -> set[str]:
    """The titles of the documents that a question finds in a year."""
    with deployment.postgres.connect() as conn:
        asked = ask(conn, deployment.embedder, question, RetrievalScope(year=year))
        return {retrieved.hit.doc_title for retrieved in search(conn, asked)}


def live_documents(deployment: Deployment) -> int:
    with deployment.postgres.connect() as conn:
        row = conn.execute("SELECT count(*) FROM compliance.documents WHERE live").fetchone()
    assert row is not None
    return int(row[0])


def run(deployment: Deployment, instance: dg.DagsterInstance, partition: str | None) -> dict[str, object]:
    """The run that a tick requested: what each asset says of itself."""
    job = build_defs(deployment).resolve_job_def("corpus_to_ledger")
    result = job.execute_in_process(instance=instance, partition_key=partition)
    assert result.success
    materialised = (e.step_materialization_data.materialization for e in result.get_asset_materialization_events())
    return {m.asset_key.to_user_string(): m.metadata for m in materialised}


def test_a_removed_file_leaves_every_search_with_the_tick_and_its_index_with_the_run(
    deployment: Deployment, source: Path
) -> None:
    commands.ingest(deployment, str(source))
    (source / "2022" / "southwind.md").unlink()
    (source / "2022" / "new.md").write_text("not read by any tick")
    with dg.DagsterInstance.ephemeral() as instance:
        assert found(deployment, "Where are the assets held?", 2022) == {"Northwind 2022", "Southwind 2022"}
        requested = tick(deployment, instance)
        assert found(deployment, "Where are the assets held?", 2022) == {"Northwind 2022"}
        assert live_documents(deployment) == 3
        assert tick(deployment, instance) == requested, "the same change, once"
        assert list(requested.values()) == [None, "2022"]
        run(deployment, instance, "2022")
    with deployment.postgres.connect() as conn:
        rows = conn.execute("SELECT cause, index_left_at IS NOT NULL FROM compliance.withdrawals").fetchall()
    assert rows == [("removed", True)]


def test_a_moved_file_is_read_again_and_nothing_of_it_is_encoded_again(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    manifest = source / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("2021/northwind.md", "2021/renamed.md"))
    (source / "2021" / "northwind.md").rename(source / "2021" / "renamed.md")
    with dg.DagsterInstance.ephemeral() as instance:
        (partition,) = tick(deployment, instance).values()
        said = run(deployment, instance, partition)
        assert said["embeddings"]["encoded_now"] == dg.IntMetadataValue(0)  # type: ignore[index]
        assert tick(deployment, instance) == {}
    assert live_documents(deployment) == 4


def test_who_may_see_a_file_changes_with_the_tick_and_starts_no_run(deployment: Deployment, source: Path) -> None:
    commands.ingest(deployment, str(source))
    manifest = source / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"doc_type"', '"access": "board", "doc_type"', 1))
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(deployment, instance) == {}
    with deployment.postgres.connect() as conn:
        rows = conn.execute("SELECT access FROM compliance.documents WHERE live AND access <> '{}'").fetchall()
    assert rows == [(["board"],)]
