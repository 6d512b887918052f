"""Strongroom: the secure AI development framework for payments."""

__version__ = "0.1.0"
