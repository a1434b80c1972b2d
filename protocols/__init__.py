"""The interpreters: bytes to questions, answers to bytes. No sockets, no SQL driver, no web framework."""
