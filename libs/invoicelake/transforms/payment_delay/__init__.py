"""Examples of how late a receivable is settled, from nothing but what was known when it was invoiced."""
