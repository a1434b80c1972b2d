"""The subscriber's portal, on the public listener."""
