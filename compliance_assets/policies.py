"""Who owns an asset, how it retries, which pool it takes."""

import dagster as dg

OWNERS = ["team:compliance-data"]

#: Transient I/O only (a database that restarts, a store that times out). Bad documents never raise.
RETRY_TRANSIENT = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

#: A pool is named for what it protects; its limit is set in deploy/dagster.yaml.
POOL_PARSE = "parse_cpu"
POOL_EMBED = "embed_cpu"
POOL_WRITE = "postgres_write"
POOL_MODEL = "llm_api"
