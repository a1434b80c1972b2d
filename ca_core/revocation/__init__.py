"""Reasons, entries and lists (RFC 5280, 5)."""
