"""One `.strongroom/`: database, objects, ledger, keys, KMS and trust policy, bound together."""
