"""The engines that the settings name, each started once per process, when it is first needed."""

from functools import cache

from compliance_assets.normalised_documents.ocr.engine import Engine, EngineFailed
from compliance_assets.normalised_documents.ocr.settings import OcrSettings


@cache
def engine_for(settings: OcrSettings) -> Engine:
    """The engine, ready to read. Raises EngineFailed with a remedy where it cannot start."""
    if settings.engine == "azure":
        from compliance_assets.normalised_documents.ocr.azure import AzureEngine

        return AzureEngine(settings.azure_endpoint, settings.azure_key, settings.page_seconds)
    if settings.engine == "rapidocr":
        return _rapidocr()
    if settings.engine == "tesseract":
        return _tesseract(settings)
    if settings.engine == "auto":
        return _first_that_starts(settings)
    raise EngineFailed.unavailable("OCR is switched off")


@cache
def second_engine_for(settings: OcrSettings) -> Engine | None:
    """Who is asked, under `auto`, where the first engine is unsure of a page; None where there is no other."""
    if settings.engine != "auto" or engine_for(settings) is _rapidocr():
        return None
    try:
        return _rapidocr()
    except EngineFailed:
        return None


def _tesseract(settings: OcrSettings) -> Engine:
    from compliance_assets.normalised_documents.ocr.tesseract import TesseractEngine

    return TesseractEngine(settings.page_seconds)


@cache
def _rapidocr() -> Engine:
    from compliance_assets.normalised_documents.ocr.rapidocr import RapidOcrEngine

    return RapidOcrEngine()


def _first_that_starts(settings: OcrSettings) -> Engine:
    try:
        return _tesseract(settings)
    except EngineFailed:
        return _rapidocr()
