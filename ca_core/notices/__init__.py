"""Notices: what subscribers and partners are told of what became of their registrations and certificates."""
