"""Certificate management over CMS (CMC, RFC 5272 and 6402): the full requests and answers that EST carries."""
