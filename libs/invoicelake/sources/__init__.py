"""One module a source system: what was received, and how to read it."""
