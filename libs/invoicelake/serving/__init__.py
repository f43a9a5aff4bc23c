"""Serving: the extractor applied to many documents in Spark, and the form in which MLflow keeps it."""
