"""Documents and bundles for those who were not there: auditors, boards, regulators, engineers."""
