import dagster as dg
import pytest

from compliance_assets.year_index import assets, checks
from tests.small_corpus import SmallCorpus


def materialised(corpus: SmallCorpus) -> dict[str, bool]:
    """The year 2021 materialised on a throw-away instance: check name -> whether it passed."""
    deployment = corpus.deployment
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [assets.year_index, checks.live_index_is_fit, checks.no_hit_outside_the_year],
            partition_key="2021",
            resources={
                "postgres": deployment.postgres,
                "keyring": deployment.keyring,
                "embedder": deployment.embedder,
            },
            instance=instance,
            raise_on_error=False,
        )
    return {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}


FIT = {"live_index_is_fit": True, "no_hit_outside_the_year": True}


def test_a_sound_year_passes_its_checks(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.", "Northwind")
    corpus.add(2021, "The fund has a custodian.", "Southwind")
    corpus.add(2022, "The fund keeps a reserve.", "Northwind")

    assert materialised(corpus) == FIT


def test_documents_with_and_without_a_category_may_stand_in_one_year(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.", "Northwind")
    corpus.add(2021, "The fund has a custodian.")

    assert materialised(corpus) == FIT


def test_a_year_without_documents_passes_its_checks(corpus: SmallCorpus) -> None:
    assert materialised(corpus) == FIT


def test_a_refused_candidate_fails_the_check_although_the_old_index_is_fit(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    corpus.add(2021, "The fund has a custodian.", embed=False)

    assert materialised(corpus)["live_index_is_fit"] is False


@pytest.mark.parametrize("change", ["year = 2022", "filer_category = 'Southwind'"])
def test_an_entry_whose_document_belongs_elsewhere_fails_the_check(corpus: SmallCorpus, change: str) -> None:
    doc_id = corpus.add(2021, "The fund keeps a reserve.", "Northwind")
    corpus.build(2021)
    with corpus.deployment.postgres.connect() as conn:
        conn.execute(f"UPDATE compliance.documents SET {change} WHERE filing_id = %s", [doc_id])

    assert materialised(corpus)["no_hit_outside_the_year"] is False
