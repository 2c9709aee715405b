"""The engine that the settings name, started once per process."""

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


def _tesseract(settings: OcrSettings) -> Engine:
    from compliance_assets.normalised_documents.ocr.tesseract import TesseractEngine

    return TesseractEngine(settings.page_seconds)


def _rapidocr() -> Engine:
    from compliance_assets.normalised_documents.ocr.rapidocr import RapidOcrEngine

    return RapidOcrEngine()


def _first_that_starts(settings: OcrSettings) -> Engine:
    try:
        return _tesseract(settings)
    except EngineFailed:
        return _rapidocr()
