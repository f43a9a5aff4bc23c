"""Pure Python on text: documents, amounts, dates."""
