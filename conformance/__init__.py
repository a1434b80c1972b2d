"""What the standards say, clause by clause, seen from outside: only over the wire."""
