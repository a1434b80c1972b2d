"""The journal: what happened, for auditors."""
