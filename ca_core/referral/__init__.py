"""Referrals: certificates that an officer looks at before they are issued."""
