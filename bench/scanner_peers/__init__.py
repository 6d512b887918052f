"""One runner for each scanner beside us, run by that scanner's own interpreter (`strongroom.py` is
ours). Each takes paths on standard input, one a line, and answers `flagged`, `clean` or `failed`.
"""
