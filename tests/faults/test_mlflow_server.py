"""A real `mlflow server` in place of the database: all that is asked of MLflow gives the same."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from resources.tracking import Tracking
from tests.mlflow_server import mlflow_server
from tests.resources.test_tracking import (
    a_run,
    logged,
    test_a_run_keeps_what_was_measured_and_on_what,
    test_a_run_that_cannot_be_logged_whole_says_why_and_is_marked,
    test_a_run_that_somebody_deleted_is_missed_and_made_up_for,
    test_a_run_that_was_not_logged_whole_is_logged_anew,
    test_a_text_that_was_edited_in_the_registry_no_longer_has_its_digest,
    test_of_a_name_that_is_not_there_there_are_no_versions,
    test_the_alias_follows_production_and_what_somebody_moved_shows,
    test_the_same_is_found_again_and_not_logged_twice,
    test_the_same_text_is_one_version_in_whatever_order_texts_come,
    test_what_serves_no_more_loses_the_alias_and_what_is_not_ours_is_left_alone,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = pytest.mark.slow

__all__ = [
    "test_a_run_keeps_what_was_measured_and_on_what",
    "test_a_run_that_cannot_be_logged_whole_says_why_and_is_marked",
    "test_a_run_that_somebody_deleted_is_missed_and_made_up_for",
    "test_a_run_that_was_not_logged_whole_is_logged_anew",
    "test_a_text_that_was_edited_in_the_registry_no_longer_has_its_digest",
    "test_of_a_name_that_is_not_there_there_are_no_versions",
    "test_the_alias_follows_production_and_what_somebody_moved_shows",
    "test_the_same_is_found_again_and_not_logged_twice",
    "test_the_same_text_is_one_version_in_whatever_order_texts_come",
    "test_what_serves_no_more_loses_the_alias_and_what_is_not_ours_is_left_alone",
]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    folder = tmp_path_factory.mktemp("mlflow")
    with mlflow_server(folder) as url:
        yield Tracking(url, folder / "not used")


@pytest.fixture
def client(tracking: Tracking) -> "MlflowClient":
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking.uri, registry_uri=tracking.uri)


def test_a_run_has_a_page_on_the_server(tracking: Tracking) -> None:
    run = logged(tracking, a_run("linked"))

    assert run.url == f"{tracking.uri}/{run.page}"
    assert not tracking.artifacts.exists()
