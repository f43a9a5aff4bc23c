"""Ledger lines as delivered to ledger entries, and what is made of them."""
