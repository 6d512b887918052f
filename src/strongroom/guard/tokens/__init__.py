"""Reversible tokenisation: a value goes out as a pseudonym of its shape, and comes back.

    request ──engine, stand_in──▶ model ──▶ answer ──judged, restore──▶ client

A vault keeps what stands for what: of each conversation apart, encrypted, bounded, and for a while.
"""
