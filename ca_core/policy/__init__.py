"""What may be certified: profiles, keys, requests, names and windows; all of it pure."""
