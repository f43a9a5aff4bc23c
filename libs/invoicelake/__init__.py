"""Spark and Keras jobs that digitise invoices at scale."""

__version__ = "0.1.0"
