-- The server may hold the certificates of what signs messages in a CA's name as well.
UPDATE registrations SET profiles = '["own-tls","ocsp-responder","message-signer"]' WHERE kind = 'server';
