-- For which names a credential is good: a JSON list of `KIND:VALUE` and `zone:DOMAIN`, empty for whatever is registered.
-- `note` is what its holder calls it.
ALTER TABLE credentials ADD COLUMN names TEXT NOT NULL DEFAULT '[]';
ALTER TABLE credentials ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- The credential that a certificate goes back to: the enrollment code, or the EAB key of the account; with its renewals.
ALTER TABLE certificates ADD COLUMN credential_id TEXT;
CREATE INDEX certificates_by_credential ON certificates (credential_id, issued_at);
