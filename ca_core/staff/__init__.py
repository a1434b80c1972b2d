"""Who works at the registration authority: roles, officers, tokens, approvals."""
