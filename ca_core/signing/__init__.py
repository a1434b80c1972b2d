"""The CA's private keys: opened, used, never shown."""
