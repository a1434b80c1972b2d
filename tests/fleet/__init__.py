"""A fleet of ten million devices on paper: what its renewals ask of a server, hour by hour (`docs/scaling.md`)."""
