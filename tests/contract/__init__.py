"""What every database must do; each test runs once for each of them."""
