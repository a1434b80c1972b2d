-- Which version of the subscriber agreement an account accepted last, the SHA-256 of its text in hex, and when.
ALTER TABLE acme_accounts ADD COLUMN agreed_version TEXT;
ALTER TABLE acme_accounts ADD COLUMN agreed_sha256 TEXT;
ALTER TABLE acme_accounts ADD COLUMN agreed_at BIGINT;
