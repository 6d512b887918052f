"""Watching a command make a model, and saying what went in and what came out."""
