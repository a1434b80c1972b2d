"""The registration authority: who was vetted, and the secrets that were handed over."""
