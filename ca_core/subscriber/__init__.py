"""What a subscriber who is signed in at the portal does and sees."""
