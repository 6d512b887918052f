"""How the injection model is made: grammars of our own, public corpora, fitting, calibration."""
