"""The guard in front of APIs of language models: a reverse proxy that judges both ways.

    client ──app──▶ key ▶ limits ▶ read (wire/) ▶ judge ──upstream──▶ model
    client ◀── rewritten, held back where needed (wire/, ../streaming) ◀── answer or events

`config.py` is all that decides; nothing in a request changes it. One file in `wire/` per format.
"""
