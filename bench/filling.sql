-- What one ACME issuance leaves in the store: one statement for each table.

INSERT INTO certificates (serial, issuer, state, request_key, registration_id, profile, names, names_digest, spki_sha256,
    not_before, not_after, replaces, door, tbs, der, intended_at, issued_at, shard, realm)
VALUES (:serial, 'issuing', 'issued', 'acme-order:' || :order_id, :registration_id, 'tls-server', 'dns:' || :name,
    :names_digest, :spki, :at, :not_after, NULL, 'acme', NULL, :der, :at, :at, 0, 'main');

INSERT INTO key_owners (spki_sha256, purpose, registration_id) VALUES (:spki, 'authentication', :registration_id);

INSERT INTO acme_orders (id, account_id, status, identifiers, profile, expires_at, csr_digest, created_at)
VALUES (:order_id, :account_id, 'processing', '[{"kind":"dns","value":"' || :name || '"}]', 'tls-server', :at + 604800,
    :names_digest, :at);

INSERT INTO acme_authorizations (id, account_id, kind, value, status, vetted, expires_at, created_at, spans, proved_by)
VALUES (:authorization_id, :account_id, 'dns', :name, 'valid', 1, :at + 2592000, :at, 0, '');

INSERT INTO acme_order_authorizations (order_id, authorization_id) VALUES (:order_id, :authorization_id);

INSERT INTO acme_challenges (id, authorization_id, type, token, status, validated_at)
VALUES (:challenge_id, :authorization_id, 'http-01', :challenge_id || :challenge_id, 'valid', :at);

INSERT INTO journal (id, at, event, actor, registration_id, serial, detail, position, hash)
VALUES (:journal_id, :at, 'certificate-issued', 'acme:acme-account:127.0.0.1', :registration_id, :serial, :detail, :position,
    :hash);
