"""From a granted request to a certificate: plan, lint, chain."""
