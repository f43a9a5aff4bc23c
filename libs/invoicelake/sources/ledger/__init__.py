"""The ledger as it is delivered: one CSV file a day."""
