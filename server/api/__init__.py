"""The RA's REST API, below `/api/v1/` on the desk listener."""
