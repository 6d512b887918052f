"""Signers and verifiers, who may sign what, sealed files, and the port to key services."""
