"""Known weaknesses of packages: a signed, dated mirror of OSV's export, and pip-audit over it."""
