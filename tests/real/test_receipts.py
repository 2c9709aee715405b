"""Total and date of 35 photographed and scanned receipts, by each engine that is installed."""

import pytest

from compliance_assets.normalised_documents.ocr.choose import engine_for
from compliance_assets.normalised_documents.ocr.engine import EngineFailed
from compliance_assets.normalised_documents.ocr.settings import EngineChoice, OcrSettings
from evals.receipts import RECEIPTS, receipts_in, score_receipts

pytestmark = [
    pytest.mark.skipif(not RECEIPTS.is_dir(), reason=f"the receipts are not at {RECEIPTS}"),
    pytest.mark.timeout(300),
]

# Measured: tesseract 24 of 34 and 28 of 35, rapidocr 34 of 34 and 34 of 35. Letters of a till are not what Tesseract learnt.
AT_LEAST: dict[EngineChoice, tuple[float, float]] = {"tesseract": (0.65, 0.70), "rapidocr": (0.90, 0.90)}


@pytest.mark.parametrize("engine", list(AT_LEAST))
def test_total_and_date_are_read(engine: EngineChoice) -> None:
    settings = OcrSettings(engine=engine)
    try:
        engine_for(settings)
    except EngineFailed as error:
        pytest.skip(str(error))
    score = score_receipts(receipts_in(RECEIPTS), settings)
    print(score)
    totals, dates = AT_LEAST[engine]
    assert score.total_right >= totals * score.totals
    assert score.date_right >= dates * score.dates
