"""What the guard did, told to others: one `Event` a decision, and its writers.

gateway, MCP, check ──Event──▶ Outlet (bounded queue) ──▶ JSON lines, OCSF, OpenTelemetry
                          └──▶ counters for Prometheus
the log of decisions ──batches──▶ ledger (`anchoring.py`)
"""
