"""Where people already work: MLflow, DVC, Hugging Face, KServe and BentoML."""
