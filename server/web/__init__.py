"""Pages of this server: small, without scripts, in English and in Traditional Chinese."""
