"""What is remembered: SQL by hand, one file per table or two, each function's first argument a `Transaction`."""
