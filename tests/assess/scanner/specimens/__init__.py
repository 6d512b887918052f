"""Malicious and benign model files, made when a test asks for them.

Payloads are harmless: where one runs at all, it runs in a child whose audit hook stops it at the
first sign of life (`sandbox.py`), and what it would run is `true`.
"""
