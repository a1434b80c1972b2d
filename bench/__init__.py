"""Measurements that the documents quote: real components, in a folder of their own, on the machine at hand."""
