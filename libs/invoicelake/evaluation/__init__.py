"""How good an extractor is: scores, and a report that a person can read."""
