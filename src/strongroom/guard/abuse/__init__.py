"""Abuse that no single message shows: what one user does over time.

Pure: time is an argument. Of texts nothing is kept but sketches of 64 bits.
"""
