"""Train together: banks keep their rows at home and add up masked numbers.

The engines (`member`, `aggregation`, `training`, `worker`) do no I/O and read no clock; `bank` and
`coordinator` drive them over sockets.
"""
