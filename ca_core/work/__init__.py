"""Deferred work: what must happen soon, and survives a crash."""
