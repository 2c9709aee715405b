"""A folder into pgvector with LlamaIndex as its quick start does it. A script of its own environment, without ours.

The model is loaded before the clock starts; the index has the parameters of the vector store's own example. Its PDF reader hands
on NUL characters, which Postgres refuses: they are taken out, or some filings could not be taken in at all.
"""

import argparse
import json
import time
from importlib.metadata import version

from llama_index.core import Settings, SimpleDirectoryReader, StorageContext, VectorStoreIndex
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.postgres import PGVectorStore


def main() -> None:
    """Prints what it took as one line of JSON."""
    parser = argparse.ArgumentParser()
    for name in ("source", "model", "url", "schema"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args()
    Settings.embed_model = HuggingFaceEmbedding(model_name=given.model, device="cpu")
    Settings.embed_model.get_text_embedding("the first call loads the model")
    started = time.monotonic()
    documents = SimpleDirectoryReader(given.source, recursive=True).load_data()
    for document in documents:
        document.set_content(document.get_content().replace("\0", ""))
    store = PGVectorStore.from_params(
        connection_string=given.url.replace("postgresql://", "postgresql+psycopg2://"),
        async_connection_string=given.url.replace("postgresql://", "postgresql+asyncpg://"),
        schema_name=given.schema,
        table_name="llama_index",
        embed_dim=384,
        hnsw_kwargs={
            "hnsw_m": 16,
            "hnsw_ef_construction": 64,
            "hnsw_ef_search": 40,
            "hnsw_dist_method": "vector_cosine_ops",
        },
    )
    index = VectorStoreIndex.from_documents(documents, storage_context=StorageContext.from_defaults(vector_store=store))
    done = time.monotonic()
    found = index.as_retriever(similarity_top_k=8).retrieve("What was the revenue?")
    print(  # noqa: T201 - the answer to the process that started it
        json.dumps(
            {
                "version": version("llama-index-core"),
                "seconds": done - started,
                "reads": Settings.embed_model.max_length,
                "hits": len(found),
            }
        )
    )


if __name__ == "__main__":
    main()
