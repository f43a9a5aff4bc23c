"""The ledger aggregated, normalised, reduced and discretized."""
