-- Who made a secret, as the journal writes it, and so has seen it; empty of what its holder chose, or is older than this.
ALTER TABLE credentials ADD COLUMN made_by TEXT NOT NULL DEFAULT '';

-- The credential that asked; NULL where something else did, such as a certificate.
ALTER TABLE enrollment_requests ADD COLUMN credential_id TEXT;
