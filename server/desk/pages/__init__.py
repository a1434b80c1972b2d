"""The pages, a file for each group: `ROUTES` says what it answers, `NAV` which links to it stand on every page."""
