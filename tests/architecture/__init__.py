"""The rules of the house that no linter knows: each is a question to the syntax trees."""
