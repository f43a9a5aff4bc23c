"""Which records are the same supplier or customer, and which ledger entry a document was posted as."""
