"""Sentences about behaviour; the folders mirror the three rooms."""
