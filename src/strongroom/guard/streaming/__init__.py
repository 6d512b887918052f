"""Output judged while it streams: what could still become something to hide is held back.

    deltas ──▶ held text ──holds──▶ safe part ──engine──▶ masked, released

`stream.py` decides; `holds.py` says from where on a text is still open; `echoes.py` does so for
copies of the system prompt. Like the engine they converse: no clock, no I/O.
"""
