"""ACME (RFC 8555): one file per idea of the standard, one per resource."""
