"""Pruning: what nothing needs goes, what is searched or was decided from stays."""

from dataclasses import replace

import pytest

from compliance_assets.chunks.chunker import Chunker, chunker_for
from compliance_assets.chunks.windows import WindowSize
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.replay import replay_all
from compliance_assets.year_index.build import build_year
from compliance_assets.year_index.prune import Pruned, prune
from tests.evidence.test_replay import Answered
from tests.rooms import chunk
from tests.small_corpus import SmallCorpus

NOTHING = Pruned(0, 0, 0, 0)
KEEP_DAYS = 30
TIMES = {
    "chunked_documents": ("chunked_at",),
    "embeddings": ("embedded_at",),
    "index_versions": ("built_at", "superseded_at"),
    "withdrawals": ("unretrievable_at",),
}


def pruned(deployment: Deployment, chunker: Chunker | None = None) -> Pruned:
    version = (chunker or chunker_for(deployment.embedder)).version
    return prune(deployment.postgres, deployment.embedder, version, KEEP_DAYS)


def age(deployment: Deployment, days: int) -> None:
    """Let that many days pass."""
    with deployment.postgres.connect_as_owner() as owner:
        for table, columns in TIMES.items():
            earlier = ", ".join(f"{column} = {column} - make_interval(days => {days})" for column in columns)
            owner.execute(
                f"UPDATE compliance.{table} SET {earlier} WHERE organization_id = %s",  # type: ignore[arg-type]
                [deployment.settings.organization_id],
            )


def stored(deployment: Deployment, query: str) -> list[object]:
    with deployment.postgres.connect() as conn:
        return [value for (value,) in conn.execute(query)]  # type: ignore[call-overload]


def texts(deployment: Deployment) -> list[object]:
    return stored(deployment, "SELECT text FROM compliance.chunks ORDER BY text")


def vectors(deployment: Deployment) -> int:
    return len(stored(deployment, "SELECT text_sha256 FROM compliance.embeddings"))


def versions(deployment: Deployment) -> list[object]:
    return stored(deployment, "SELECT state FROM compliance.index_versions ORDER BY state")


@pytest.fixture
def other_chunker(deployment: Deployment) -> Chunker:
    """Shorter windows: another chunker version."""
    return replace(chunker_for(deployment.embedder), size=WindowSize(8, 0))


def test_what_is_in_use_stays_however_old_it_is(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    age(corpus.deployment, 400)
    assert pruned(corpus.deployment) == NOTHING


def test_a_withdrawn_document_s_chunks_and_vectors_go_but_not_those_that_another_one_shares(
    corpus: SmallCorpus,
) -> None:
    gone = corpus.add(2021, "The assets are held by Harbour Bank.", "Northwind")
    twin = corpus.add(2021, "The fund keeps a reserve.", "Northwind")
    corpus.add(2021, "The fund keeps a reserve.", "Southwind")
    corpus.build(2021)
    for doc_id in (gone, twin):
        corpus.set_live(doc_id, False)
    age(corpus.deployment, 2)
    assert pruned(corpus.deployment) == NOTHING, "the live index still holds them"

    corpus.build(2021)
    assert pruned(corpus.deployment) == Pruned(chunked_documents=2, chunks=2, embeddings=3, index_versions=0)
    assert texts(corpus.deployment) == ["The fund keeps a reserve."]
    assert vectors(corpus.deployment) == 2, "of the text that is left and of its header"
    assert pruned(corpus.deployment) == NOTHING


def test_what_was_withdrawn_a_moment_ago_stays_for_who_is_deciding_with_it(corpus: SmallCorpus) -> None:
    doc_id = corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    age(corpus.deployment, 2)
    corpus.set_live(doc_id, False)
    corpus.build(2021)
    assert pruned(corpus.deployment) == NOTHING
    age(corpus.deployment, 2)
    assert pruned(corpus.deployment).chunks == 1


def test_a_pruned_document_that_comes_back_is_chunked_and_embedded_again(corpus: SmallCorpus) -> None:
    doc_id = corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    corpus.set_live(doc_id, False)
    corpus.build(2021)
    age(corpus.deployment, 2)
    assert pruned(corpus.deployment).embeddings == 2
    corpus.set_live(doc_id, True)
    assert chunk(corpus.deployment, 2021) == 1
    corpus.embed(2021)
    assert corpus.build(2021).chunks == 1


def test_another_chunker_s_chunks_go_once_its_version_is_not_kept_any_more(
    corpus: SmallCorpus, other_chunker: Chunker
) -> None:
    deployment = corpus.deployment
    text = "The fund keeps a reserve.\nThe assets are held by Harbour Bank.\nThe board meets in May.\n"
    corpus.add(2021, text)
    corpus.build(2021)
    chunk(deployment, 2021, other_chunker)
    age(deployment, 400)
    assert pruned(deployment, other_chunker) == NOTHING, "the one is live, the other is being built"

    corpus.chunker = other_chunker
    corpus.embed(2021)
    corpus.build(2021)
    age(deployment, KEEP_DAYS - 1)
    assert pruned(deployment, other_chunker) == NOTHING, "the way back"
    age(deployment, 2)
    gone = pruned(deployment, other_chunker)
    assert (gone.chunked_documents, gone.chunks, gone.embeddings, gone.index_versions) == (1, 1, 1, 1)
    assert stored(deployment, "SELECT DISTINCT chunker_version FROM compliance.chunks") == [other_chunker.version]
    assert versions(deployment) == ["live"]


def test_another_model_s_vectors_go_once_its_version_is_not_kept_any_more(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    with corpus.deployment.postgres.connect_as_owner() as owner:
        owner.execute(
            "INSERT INTO compliance.embeddings SELECT organization_id, repeat('0', 64), text_sha256, embedding, precision_used"
            " FROM compliance.embeddings WHERE organization_id = %s",
            [corpus.deployment.settings.organization_id],
        )
    corpus.build(2021)
    assert pruned(corpus.deployment) == NOTHING, "somebody may be about to build with it"
    age(corpus.deployment, 2)
    assert pruned(corpus.deployment) == replace(NOTHING, embeddings=2)
    assert build_year(
        corpus.deployment.postgres, corpus.deployment.keyring, corpus.deployment.embedder, corpus.chunker.version, 2021,
        rebuild=True,
    ).findings == ()  # fmt: skip


def test_superseded_versions_go_after_their_time_and_the_last_attempt_stays(corpus: SmallCorpus) -> None:
    for text in ("The fund keeps a reserve.", "The fund has a custodian."):
        corpus.add(2021, text)
        corpus.build(2021)
    corpus.add(2021, "The board meets in May.", embed=False)
    corpus.build(2021)
    assert versions(corpus.deployment) == ["live", "refused", "superseded"]
    age(corpus.deployment, KEEP_DAYS + 1)
    assert pruned(corpus.deployment).index_versions == 1
    assert versions(corpus.deployment) == ["live", "refused"]


def test_what_a_decision_was_made_from_stays_and_its_replay_is_byte_equal(
    deployment: Deployment, other_chunker: Chunker
) -> None:
    answered = Answered(deployment)
    before = replay_all(deployment.archive)
    assert before.equal
    assert before.replayed == 1

    corpus = answered.corpus
    for doc_id in answered.documents:
        corpus.set_live(doc_id, False)
    corpus.add(2021, "A document that nobody asked about. It has two sentences.")
    bystander = corpus.add(2021, "Another that nobody asked about.")
    corpus.chunker = other_chunker
    for year in (2021, 2022):
        chunk(deployment, year, other_chunker)
        corpus.embed(year)
        corpus.build(year)
    corpus.set_live(bystander, False)
    corpus.build(2021)
    age(deployment, 400)
    gone = pruned(deployment, other_chunker)

    assert gone.chunked_documents == 4, "2022's document, the two that nobody asked about, one of them by both chunkers"
    assert gone.index_versions == 2, "2022's, and the one in between; not the one that the decision searched"
    assert replay_all(deployment.archive) == before
    assert pruned(deployment, other_chunker) == NOTHING


def test_a_decision_whose_index_is_not_on_record_keeps_every_chunk_and_vector(deployment: Deployment) -> None:
    answered = Answered(deployment)
    answered.change(
        "UPDATE compliance.decisions SET index_version = 'ix_unknown' WHERE organization_id = %s",
        deployment.settings.organization_id,
    )
    for doc_id in answered.documents[:2]:
        answered.corpus.set_live(doc_id, False)
    answered.corpus.build(2021)
    age(deployment, 400)
    assert (pruned(deployment).chunks, len(texts(deployment))) == (0, 3)
