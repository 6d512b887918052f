"""Checks that behave badly, each in its own way, installed through a real entry point."""
