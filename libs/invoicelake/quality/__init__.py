"""Checks of tables, and what becomes of rows that fail."""
