"""Checks on how well a model does its work."""
