from pathlib import Path

import pytest

from compliance_assets.contracts.errors import InvalidInput
from resources.settings import DEFAULT_ORGANIZATION, Settings


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    settings = Settings.from_environment({}, data_dir=tmp_path)
    assert settings.database_url is None
    assert settings.object_store_url == (tmp_path / "objects").as_uri()
    assert settings.organization_id == DEFAULT_ORGANIZATION
    assert settings.years == tuple(range(2010, 2027))
    assert (settings.embedder, settings.router_map, settings.egress_profile) == ("minilm", None, "tenancy")
    assert (settings.policy_mode, settings.deciders) == ("enforce", 1)
    assert settings.path_pattern is None
    assert (settings.ocr_engine, settings.ocr_minimum_confidence) == ("auto", 0.6)
    assert (settings.azure_ocr_endpoint, settings.azure_ocr_key) == ("", "")
    assert (settings.unretrievable_within_seconds, settings.keep_versions_days) == (300, 30)
    assert settings.dagster_home == tmp_path / "dagster"


def test_what_is_set_is_taken(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "COMPLIANCE_DATA_DIR": str(tmp_path / "elsewhere"),
            "COMPLIANCE_DATABASE_URL": "postgresql://host/db",
            "COMPLIANCE_OBJECT_STORE_URL": "s3://bucket/objects",
            "COMPLIANCE_ORGANIZATION_ID": "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
            "COMPLIANCE_YEARS": "2018-2020",
            "COMPLIANCE_EMBEDDER": "openai:nomic",
            "COMPLIANCE_PATH_PATTERN": r"(?P<year>\d{4})/",
            "COMPLIANCE_OCR": "azure",
            "COMPLIANCE_OCR_MINIMUM_CONFIDENCE": "0.85",
            "AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT": "https://ours.example",
            "AZURE_DOCUMENT_INTELLIGENCE_KEY": "the-key",
            "COMPLIANCE_UNRETRIEVABLE_WITHIN_SECONDS": "60",
            "COMPLIANCE_KEEP_VERSIONS_DAYS": "7",
        }
    )
    assert (settings.unretrievable_within_seconds, settings.keep_versions_days) == (60, 7)
    assert settings.data_dir == tmp_path / "elsewhere"
    assert settings.database_url == "postgresql://host/db"
    assert settings.object_store_url == "s3://bucket/objects"
    assert settings.organization_id == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    assert settings.years == (2018, 2019, 2020)
    assert settings.embedder == "openai:nomic"
    assert settings.path_pattern == r"(?P<year>\d{4})/"
    assert (settings.ocr_engine, settings.ocr_minimum_confidence) == ("azure", 0.85)
    assert (settings.azure_ocr_endpoint, settings.azure_ocr_key) == ("https://ours.example", "the-key")


def test_an_empty_url_is_as_good_as_none(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"COMPLIANCE_DATABASE_URL": "", "COMPLIANCE_OBJECT_STORE_URL": "", "COMPLIANCE_PATH_PATTERN": ""},
        data_dir=tmp_path,
    )
    assert (settings.database_url, settings.path_pattern) == (None, None)
    assert settings.object_store_url.startswith("file://")


def test_one_year_is_a_range_too() -> None:
    assert Settings.from_environment({"COMPLIANCE_YEARS": "2021"}).years == (2021,)


def test_a_data_directory_is_absolute_and_may_start_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Settings.from_environment({"COMPLIANCE_DATA_DIR": "~/data"}).data_dir == tmp_path / "data"
    assert Settings.from_environment({"COMPLIANCE_DATA_DIR": "data"}).data_dir == tmp_path / "data"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COMPLIANCE_YEARS", ""),
        ("COMPLIANCE_YEARS", "all"),
        ("COMPLIANCE_YEARS", "2020-2018"),
        ("COMPLIANCE_YEARS", "2018-"),
        ("COMPLIANCE_YEARS", "-2018"),
        ("COMPLIANCE_YEARS", "2018-2020-2022"),
        ("COMPLIANCE_YEARS", "18-20"),
        ("COMPLIANCE_YEARS", "20²1"),
        ("COMPLIANCE_YEARS", "2018 - 2020"),
        ("COMPLIANCE_YEARS", "1000-2020"),
        ("COMPLIANCE_ORGANIZATION_ID", ""),
        ("COMPLIANCE_ORGANIZATION_ID", "our-firm"),
        ("COMPLIANCE_PATH_PATTERN", "(?P<year"),
        ("COMPLIANCE_PATH_PATTERN", r"\d{4}/"),
        ("COMPLIANCE_OCR", ""),
        ("COMPLIANCE_OCR", "Tesseract"),
        ("COMPLIANCE_OCR", "abbyy"),
        ("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", ""),
        ("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", "60%"),
        ("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", "-0.1"),
        ("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", "1.01"),
        ("COMPLIANCE_OCR_MINIMUM_CONFIDENCE", "nan"),
        ("COMPLIANCE_UNRETRIEVABLE_WITHIN_SECONDS", ""),
        ("COMPLIANCE_UNRETRIEVABLE_WITHIN_SECONDS", "0"),
        ("COMPLIANCE_UNRETRIEVABLE_WITHIN_SECONDS", "1.5"),
        ("COMPLIANCE_KEEP_VERSIONS_DAYS", "-1"),
        ("COMPLIANCE_KEEP_VERSIONS_DAYS", "a month"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=variable) as refused:
        Settings.from_environment({variable: value})
    assert repr(value) in refused.value.found


@pytest.mark.parametrize("engine", ["auto", "tesseract", "rapidocr", "none"])
def test_an_engine_on_this_machine_needs_no_address(engine: str) -> None:
    assert Settings.from_environment({"COMPLIANCE_OCR": engine}).ocr_engine == engine


@pytest.mark.parametrize("confidence", ["0", "1", "0.5"])
def test_a_confidence_is_a_share_both_ends_included(confidence: str) -> None:
    settings = Settings.from_environment({"COMPLIANCE_OCR_MINIMUM_CONFIDENCE": confidence})
    assert settings.ocr_minimum_confidence == float(confidence)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "neither"),
        ({"AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT": "https://ours.example"}, "AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT"),
        ({"AZURE_DOCUMENT_INTELLIGENCE_KEY": "the-key"}, "AZURE_DOCUMENT_INTELLIGENCE_KEY"),
        (
            {"AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT": "", "AZURE_DOCUMENT_INTELLIGENCE_KEY": "the-key"},
            "AZURE_DOCUMENT_INTELLIGENCE_KEY",
        ),
    ],
)
def test_azure_without_an_endpoint_and_a_key_is_refused_and_the_key_is_not_told(
    given: dict[str, str], found: str
) -> None:
    with pytest.raises(InvalidInput, match="COMPLIANCE_OCR=azure") as refused:
        Settings.from_environment({"COMPLIANCE_OCR": "azure", **given})
    assert refused.value.found == found
    assert "the-key" not in str(refused.value.as_dict())


def test_settings_do_not_show_the_key() -> None:
    settings = Settings.from_environment(
        {"AZURE_DOCUMENT_INTELLIGENCE_ENDPOINT": "https://ours.example", "AZURE_DOCUMENT_INTELLIGENCE_KEY": "the-key"}
    )
    assert settings.azure_ocr_key == "the-key"
    assert "the-key" not in repr(settings)
