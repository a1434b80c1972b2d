"""PostgreSQL: one database, and as many servers and workers as share it."""
