"""The RA's own pages, on the desk listener."""
