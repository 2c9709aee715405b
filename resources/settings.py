"""Where this deployment keeps its data and what it talks to. The one reader of COMPLIANCE_* variables."""

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compliance_assets.contracts.errors import InvalidInput

DEFAULT_YEARS = "2010-2026"
DEFAULT_ORGANIZATION = "00000000-0000-4000-8000-000000000001"
DEFAULT_EMBEDDER = "minilm"
DEFAULT_MODEL = "local/extractive-v1"


@dataclass(frozen=True)
class Settings:
    """Frozen settings of one deployment.

    `database_url` None starts the embedded PostgreSQL under `data_dir`. `embedder` is `minilm`, `hash` or
    `openai:MODEL`; `model` is `local/extractive-v1` or `openai:MODEL` (base URL and key from the two variables that the
    `openai` SDK itself reads, OPENAI_BASE_URL and OPENAI_API_KEY). `path_pattern` is a regular expression with the
    named groups `year` and, optionally, `filer_category`, `doc_type` over a file's relative path.
    """

    data_dir: Path
    database_url: str | None
    object_store_url: str
    organization_id: str
    years: tuple[int, ...]
    embedder: str
    model: str
    path_pattern: str | None

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, data_dir: Path | None = None
    ) -> "Settings":
        """Settings from COMPLIANCE_* variables. Raises InvalidInput on a value that cannot be meant."""
        env = os.environ if environment is None else environment
        root = (data_dir or Path(env.get("COMPLIANCE_DATA_DIR", ".compliance"))).expanduser().resolve()
        return cls(
            data_dir=root,
            database_url=env.get("COMPLIANCE_DATABASE_URL") or None,
            object_store_url=env.get("COMPLIANCE_OBJECT_STORE_URL") or (root / "objects").as_uri(),
            organization_id=_organization(env.get("COMPLIANCE_ORGANIZATION_ID", DEFAULT_ORGANIZATION)),
            years=_years(env.get("COMPLIANCE_YEARS", DEFAULT_YEARS)),
            embedder=env.get("COMPLIANCE_EMBEDDER", DEFAULT_EMBEDDER),
            model=env.get("COMPLIANCE_MODEL", DEFAULT_MODEL),
            path_pattern=_path_pattern(env.get("COMPLIANCE_PATH_PATTERN") or None),
        )

    @property
    def dagster_home(self) -> Path:
        """Dagster's own runs and event log: navigation, not the record."""
        return self.data_dir / "dagster"


def _organization(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidInput(
            "COMPLIANCE_ORGANIZATION_ID is not usable",
            expected="a UUID",
            found=repr(value),
            remedy="Set it to the organisation's UUID, or unset it for the default organisation.",
        ) from None


def _path_pattern(value: str | None) -> str | None:
    try:
        if value is None or "year" in re.compile(value).groupindex:
            return value
        found = f"no such group in {value!r}"
    except re.error as problem:
        found = f"{value!r}: {problem}"
    raise InvalidInput(
        "COMPLIANCE_PATH_PATTERN is not usable",
        expected="a regular expression with the named group `year`",
        found=found,
        remedy=r"For example (?P<year>\d{4})/(?P<filer_category>[^/]+)/, or unset it.",
    )


def _years(value: str) -> tuple[int, ...]:
    if match := re.fullmatch("([0-9]{4})(?:-([0-9]{4}))?", value):
        start, end = int(match[1]), int(match[2] or match[1])
        if 1900 <= start <= end <= 2200:
            return tuple(range(start, end + 1))
    raise InvalidInput(
        "COMPLIANCE_YEARS is not usable",
        expected="one range such as 2010-2026",
        found=repr(value),
        remedy="Set the first and the last calendar year that the deployment serves.",
    )
