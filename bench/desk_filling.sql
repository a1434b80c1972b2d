-- What registering somebody and issuing to them leave in the store, as far as lists show it: one statement for each table.

INSERT INTO registrations (id, account, kind, status, subject, subject_der, names, profiles, language, uses, sheet,
    created_at, expires_at, eab_uses, realm, version, contact, marked)
VALUES (:registration_id, :account, 'device', :status, :subject, :subject_der, :grants, '["device"]', 'en', 1, 1, :at,
    :vetted_until, 1, 'main', 1, '{}', 1);

INSERT INTO certificates (serial, issuer, state, request_key, registration_id, profile, names, names_digest, spki_sha256,
    not_before, not_after, replaces, door, tbs, der, intended_at, issued_at, shard, realm)
VALUES (:serial, 'issuing', 'issued', NULL, :registration_id, 'device', 'dns:' || :name, :names_digest, :spki, :at,
    :not_after, NULL, 'est', NULL, :der, :at, :at, 0, 'main');

INSERT INTO revocations (serial, issuer, revoked_at, reason, entry, shard, not_after)
SELECT :serial, 'issuing', :at, 4, X'', 0, :not_after WHERE :is_revoked = 1;

INSERT INTO journal (id, at, event, actor, registration_id, serial, detail, position, hash)
VALUES (:journal_id, :at, 'certificate-issued', 'est:enrollment-code:127.0.0.1', :registration_id, :serial, :detail, :position,
    :hash);
