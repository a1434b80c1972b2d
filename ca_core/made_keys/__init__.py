"""Keys that the server makes for subscribers (RFC 7030, 4.4): handed over once, and never kept."""
