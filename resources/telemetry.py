"""Switches off every library's telemetry. Nothing leaves the tenancy.

deploy/no_telemetry.env holds the same switches for containers and shells; a test keeps the two alike.
"""

import os
from pathlib import Path

NO_TELEMETRY = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "true",  # mlflow reads only the word, not "1"
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_OFFLINE": "1",
}


def contain(data_dir: Path) -> None:
    """Turn telemetry off for this process and its children, and keep libraries' caches under the data directory."""
    os.environ.update(NO_TELEMETRY)
    cache = data_dir / "cache"
    for variable, folder in {"MPLCONFIGDIR": "matplotlib", "HF_HOME": "huggingface", "XDG_CACHE_HOME": "xdg"}.items():
        os.environ.setdefault(variable, str(cache / folder))
