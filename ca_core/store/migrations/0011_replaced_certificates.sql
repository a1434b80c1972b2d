-- Whether a certificate has been replaced, as renewal information tells (RFC 9773).
CREATE INDEX certificates_by_replaced ON certificates (replaces) WHERE replaces IS NOT NULL;
