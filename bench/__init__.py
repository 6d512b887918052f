"""Measurements beside the peers, in one run: hold the ratios, not the times."""
