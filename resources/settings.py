"""Where this deployment keeps its data and what it talks to. The one reader of COMPLIANCE_* variables."""

import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from compliance_assets.contracts.errors import InvalidInput

DEFAULT_YEARS = "2010-2026"
DEFAULT_ORGANIZATION = "00000000-0000-4000-8000-000000000001"
DEFAULT_EMBEDDER = "minilm"
DEFAULT_EGRESS_PROFILE = "tenancy"
PolicyMode = Literal["observe", "enforce"]
POLICY_MODES: tuple[PolicyMode, ...] = get_args(PolicyMode)
MOST_DECIDERS = 64
OcrEngine = Literal["auto", "tesseract", "rapidocr", "azure", "none"]
OCR_ENGINES: tuple[OcrEngine, ...] = get_args(OcrEngine)
DEFAULT_OCR_MINIMUM_CONFIDENCE = "0.6"
DEFAULT_UNRETRIEVABLE_WITHIN_SECONDS = 300
DEFAULT_KEEP_VERSIONS_DAYS = 30
SIEM_FORMATS = ("jsonl", "ocsf", "cef")


@dataclass(frozen=True)
class Settings:
    """Frozen settings of one deployment.

    `database_url` None starts the embedded PostgreSQL under `data_dir`. `embedder` is `minilm`, `hash` or
    `openai:MODEL` (base URL and key from the two variables that the `openai` SDK itself reads, OPENAI_BASE_URL and
    OPENAI_API_KEY). `path_pattern` is a regular expression with the named groups `year` and, optionally,
    `filer_category`, `doc_type` over a file's relative path. `ocr_engine` is one of `OCR_ENGINES`; `auto` is Tesseract with
    Portuguese where that is installed, else RapidOCR. A document that it reads with
    less than `ocr_minimum_confidence` (0..1) waits for a person. Checkpoints of the ledger are published under
    `checkpoint_url`, its replica is kept under `worm_url`; `siem_sinks` are (format, URL) of the monitors that it is sent to.

    `router_map` and `providers` are files that say which models answer a workload and how they are reached; without them all
    is answered in process. `policy_folder` holds the policy (None: the shipped one), `opa_url` is a server that evaluates it
    instead of this process. `egress_profile` names the regions that a model may be asked in. `deciders`: how many items are
    decided at once. `notify_urls` (apprise) and `webhooks` (event, URL) are told what a person has to know. Evaluations are
    tracked in MLflow at `tracking_uri`. Two of the `change_board` approve a release, which is promoted within the
    `deployment_window`, such as `Mon-Thu 09:00-16:00 America/Sao_Paulo`; empty: at any time.

    `reranker` is the folder of a cross-encoder that orders what a search found; empty: the fused ranks do.
    A file that is removed at its source is to be found by no search `unretrievable_within_seconds` later; how often the sources
    are listed has to fit that. Superseded index versions, with the chunks and vectors that only they need, are kept for
    `keep_versions_days`.
    """

    data_dir: Path
    database_url: str | None
    object_store_url: str
    organization_id: str
    years: tuple[int, ...]
    embedder: str
    path_pattern: str | None
    ocr_engine: OcrEngine = "auto"
    ocr_minimum_confidence: float = float(DEFAULT_OCR_MINIMUM_CONFIDENCE)
    azure_ocr_endpoint: str = ""
    azure_ocr_key: str = field(default="", repr=False)
    checkpoint_url: str = ""
    worm_url: str = ""
    siem_sinks: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # a URL may hold a password
    router_map: Path | None = None
    providers: Path | None = None
    policy_folder: Path | None = None
    policy_mode: PolicyMode = "enforce"
    opa_url: str | None = None
    opa_token: str = field(default="", repr=False)
    egress_profile: str = DEFAULT_EGRESS_PROFILE
    deciders: int = 1
    notify_urls: tuple[str, ...] = field(default=(), repr=False)
    webhooks: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    webhook_secret: str = field(default="", repr=False)
    tracking_uri: str = field(default="", repr=False)  # a URI may hold a password
    change_board: tuple[str, ...] = ()
    deployment_window: str = ""
    reranker: str = ""
    unretrievable_within_seconds: int = DEFAULT_UNRETRIEVABLE_WITHIN_SECONDS
    keep_versions_days: int = DEFAULT_KEEP_VERSIONS_DAYS

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
            path_pattern=_path_pattern(env.get("COMPLIANCE_PATH_PATTERN") or None),
            ocr_engine=_ocr_engine(env),
            ocr_minimum_confidence=_share(
                "COMPLIANCE_OCR_MINIMUM_CONFIDENCE",
                env.get("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", DEFAULT_OCR_MINIMUM_CONFIDENCE),
            ),
            azure_ocr_endpoint=env.get("AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT", ""),
            azure_ocr_key=env.get("AZURE_DOCUMENT_INTELLIGENCE_KEY", ""),
            checkpoint_url=env.get("COMPLIANCE_CHECKPOINT_URL") or (root / "checkpoints").as_uri(),
            worm_url=env.get("COMPLIANCE_WORM_URL") or (root / "worm").as_uri(),
            siem_sinks=_siem_sinks(env.get("COMPLIANCE_SIEM_SINKS", "")),
            router_map=_file(env, "COMPLIANCE_ROUTER_MAP"),
            providers=_file(env, "COMPLIANCE_PROVIDERS"),
            policy_folder=_file(env, "COMPLIANCE_POLICY"),
            policy_mode=_policy_mode(env.get("COMPLIANCE_POLICY_MODE", "enforce")),
            opa_url=env.get("COMPLIANCE_OPA_URL") or None,
            opa_token=env.get("COMPLIANCE_OPA_TOKEN", ""),
            egress_profile=env.get("COMPLIANCE_EGRESS_PROFILE", DEFAULT_EGRESS_PROFILE),
            deciders=_deciders(env.get("COMPLIANCE_DECIDERS", "1")),
            notify_urls=_names(env.get("COMPLIANCE_NOTIFY_URLS", "")),
            webhooks=_webhooks(env.get("COMPLIANCE_WEBHOOKS", "")),
            webhook_secret=env.get("COMPLIANCE_WEBHOOK_SECRET", ""),
            tracking_uri=env.get("COMPLIANCE_MLFLOW_URI") or f"sqlite:///{root / 'mlflow.db'}",
            change_board=_names(env.get("COMPLIANCE_CHANGE_BOARD", "")),
            deployment_window=env.get("COMPLIANCE_DEPLOYMENT_WINDOW", ""),
            reranker=env.get("COMPLIANCE_RERANKER", ""),
            unretrievable_within_seconds=_at_least_one(
                env, "COMPLIANCE_UNRETRIEVABLE_WITHIN_SECONDS", DEFAULT_UNRETRIEVABLE_WITHIN_SECONDS, "seconds"
            ),
            keep_versions_days=_at_least_one(env, "COMPLIANCE_KEEP_VERSIONS_DAYS", DEFAULT_KEEP_VERSIONS_DAYS, "days"),
        )

    @property
    def dagster_home(self) -> Path:
        """Dagster's own runs and event log: navigation, not the record."""
        return self.data_dir / "dagster"


def _names(value: str) -> tuple[str, ...]:
    """What commas separate."""
    return tuple(filter(None, (name.strip() for name in value.split(","))))


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


def _ocr_engine(env: Mapping[str, str]) -> OcrEngine:
    asked = env.get("COMPLIANCE_OCR", "auto")
    engine = next((name for name in OCR_ENGINES if name == asked), None)
    if engine is None:
        raise InvalidInput(
            "COMPLIANCE_OCR is not usable",
            expected=", ".join(OCR_ENGINES),
            found=repr(asked),
            remedy="Set it to one of them, or unset it for what is installed.",
        )
    needed = ("AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT", "AZURE_DOCUMENT_INTELLIGENCE_KEY")
    if engine == "azure" and not all(env.get(name) for name in needed):
        raise InvalidInput(
            "COMPLIANCE_OCR=azure needs a resource to talk to",
            expected=f"{needed[0]} and {needed[1]}",
            found=", ".join(name for name in needed if env.get(name)) or "neither",
            remedy="Set both, or choose another engine.",
        )
    return engine


def _file(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name)
    if not value:
        return None
    path = Path(value).expanduser().resolve()
    if not path.exists():
        raise InvalidInput(
            f"{name} is not usable", expected="a path that exists", found=value, remedy="Correct it, or unset it."
        )
    return path


def _policy_mode(value: str) -> PolicyMode:
    mode = next((name for name in POLICY_MODES if name == value), None)
    if mode is None:
        raise InvalidInput(
            "COMPLIANCE_POLICY_MODE is not usable",
            expected=" or ".join(POLICY_MODES),
            found=repr(value),
            remedy="`observe` records what the policy says, `enforce` obeys it; unset it for enforce.",
        )
    return mode


def _deciders(value: str) -> int:
    if value.isdecimal() and 1 <= int(value) <= MOST_DECIDERS:
        return int(value)
    raise InvalidInput(
        "COMPLIANCE_DECIDERS is not usable",
        expected=f"a whole number from 1 to {MOST_DECIDERS}",
        found=repr(value),
        remedy="Set how many items are decided at once; each takes a session of the database.",
    )


def _at_least_one(env: Mapping[str, str], name: str, default: int, unit: str) -> int:
    value = env.get(name, str(default))
    if value.isdecimal() and int(value) >= 1:
        return int(value)
    raise InvalidInput(
        f"{name} is not usable",
        expected=f"a whole number of {unit}, 1 or more",
        found=repr(value),
        remedy=f"Set it to such a number, or unset it for {default}.",
    )


def _webhooks(value: str) -> tuple[tuple[str, str], ...]:
    pairs = [tuple(part.strip().partition("=")[::2]) for part in value.split(",") if part.strip()]
    for event, url in pairs:
        if not event or "://" not in url:
            raise InvalidInput(
                "COMPLIANCE_WEBHOOKS is not usable",
                expected="EVENT=URL, separated by commas",
                found=f"{event!r} with {'a URL' if '://' in url else 'no URL'}",
                remedy="For example quarantine_opened=https://hooks.internal/compliance",
            )
    return tuple((event, url) for event, url in pairs)


def _siem_sinks(value: str) -> tuple[tuple[str, str], ...]:
    sinks = [tuple(part.strip().partition("=")[::2]) for part in value.split(",") if part.strip()]
    for name, url in sinks:
        if name not in SIEM_FORMATS or "://" not in url:
            raise InvalidInput(
                "COMPLIANCE_SIEM_SINKS is not usable",
                expected=f"FORMAT=URL, separated by commas, with FORMAT one of {', '.join(SIEM_FORMATS)}",
                found=f"{name!r} with {'a URL' if '://' in url else 'no URL'}",
                remedy="For example ocsf=syslog+tls://siem.internal:6514,cef=file:///var/log/ledger.cef",
            )
    return tuple((name, url) for name, url in sinks)


def _share(name: str, value: str) -> float:
    try:
        if 0 <= float(value) <= 1:
            return float(value)
    except ValueError:
        pass
    raise InvalidInput(
        f"{name} is not usable",
        expected="a number from 0 to 1",
        found=repr(value),
        remedy=f"Set it to such a number, or unset it for {DEFAULT_OCR_MINIMUM_CONFIDENCE}.",
    )


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
