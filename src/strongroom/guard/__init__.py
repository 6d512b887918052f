"""The guard judges what goes into a language model and what comes out of it.

    text ──normalise──▶ readings ──detectors──▶ detections ──policy──▶ action ──mask──▶ text

The engine (`engine.py`) is a conversation: it yields which detector should look at what, and gets
the answer back; whoever drives it (`drivers.py`) owns clocks and threads. Nothing here talks to a
network, and nothing in what is judged can change the policy that judges it.
"""
