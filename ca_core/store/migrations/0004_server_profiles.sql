-- The server may hold the certificates of its OCSP responders as well.
UPDATE registrations SET profiles = '["own-tls","ocsp-responder"]' WHERE kind = 'server';
