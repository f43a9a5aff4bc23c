"""Master data: suppliers, customers, products and countries, from files or from a database."""

from invoicelake.sources.master.delivery import TABLES, Delivery, taken_in, true_records, watermark

__all__ = ["TABLES", "Delivery", "taken_in", "true_records", "watermark"]
