"""Signed and enveloped messages (CMS, RFC 5652): what EST and CMC build and read of them."""
