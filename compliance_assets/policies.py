"""Who owns an asset and how it retries.

No pools: under the in-process executor a step that waits for a slot spins at full load, and a killed process keeps its
slot. What must not run twice at once takes a lock in Postgres instead; deploy/dagster.yaml bounds the runs.
"""

import dagster as dg

OWNERS = ["team:compliance-data"]

#: Transient I/O only (a database that restarts, a store that times out). Bad documents never raise.
RETRY_TRANSIENT = dg.RetryPolicy(max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
