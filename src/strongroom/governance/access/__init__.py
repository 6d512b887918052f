"""Who may do what: roles and rules in Cedar, in force by a signed record of the ledger."""
