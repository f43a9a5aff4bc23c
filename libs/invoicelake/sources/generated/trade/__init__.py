"""A generated trading company: who it buys from and sells to, what it sells, and its books."""
