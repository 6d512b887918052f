"""Checks on the data that a model is made from and judged on."""
