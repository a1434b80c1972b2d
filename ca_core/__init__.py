"""The strongroom: what a certification authority and its registration authority are, with no HTTP in it."""
