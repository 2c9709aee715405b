"""A folder into pgvector with Haystack as its indexing pipeline does it. A script of its own environment, without ours.

The model is loaded before the clock starts; every component has its defaults.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

from haystack import Pipeline
from haystack.components.converters import PyPDFToDocument
from haystack.components.preprocessors import DocumentCleaner, DocumentSplitter
from haystack.components.writers import DocumentWriter
from haystack.dataclasses import Document
from haystack.document_stores.types import DuplicatePolicy
from haystack.utils import ComponentDevice, Secret
from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder
from haystack_integrations.document_stores.pgvector import PgvectorDocumentStore


def main() -> None:
    """Prints what it took as one line of JSON."""
    parser = argparse.ArgumentParser()
    for name in ("source", "model", "url", "schema"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    embedder = SentenceTransformersDocumentEmbedder(
        model=given.model, device=ComponentDevice.from_str("cpu"), progress_bar=False
    )
    embedder.warm_up()
    embedder.run([Document(content="the first call loads the model")])
    started = time.monotonic()
    store = PgvectorDocumentStore(
        connection_string=Secret.from_token(given.url),
        schema_name=given.schema,
        table_name="haystack",
        embedding_dimension=384,
        create_extension=False,
    )
    pipeline = Pipeline()
    pipeline.add_component("converter", PyPDFToDocument())
    pipeline.add_component("cleaner", DocumentCleaner())
    pipeline.add_component("splitter", DocumentSplitter())
    pipeline.add_component("embedder", embedder)
    pipeline.add_component("writer", DocumentWriter(store, policy=DuplicatePolicy.OVERWRITE))
    for before, after in (
        ("converter", "cleaner"),
        ("cleaner", "splitter"),
        ("splitter", "embedder"),
        ("embedder", "writer"),
    ):
        pipeline.connect(before, after)
    pipeline.run({"converter": {"sources": sorted(Path(given.source).rglob("*.pdf"))}})
    done = time.monotonic()
    print(  # noqa: T201 - the answer to the process that started it
        json.dumps(
            {
                "version": version("haystack-ai"),
                "seconds": done - started,
                "reads": embedder.embedding_backend.model.max_seq_length,
                "hits": store.count_documents(),
            }
        )
    )


if __name__ == "__main__":
    main()
