"""The extractor: text lines to tensors, tensors to fields.

Only `extractor`, `tagger` and `layers` import TensorFlow at once.
"""
