"""One file for each page, or for each thing that a subscriber does."""
