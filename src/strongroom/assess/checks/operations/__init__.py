"""Checks on how a model is made again and taken back."""
