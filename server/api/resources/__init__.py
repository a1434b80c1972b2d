"""The API's resources, a file each, with their rows of the table of operations."""
