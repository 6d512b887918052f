"""Judges data sets as they lie on disk: Parquet, CSV and JSON lines, in bounded memory."""
