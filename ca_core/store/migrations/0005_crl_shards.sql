-- Which CRL beside the full one shows a certificate, fixed at its issuance: 0 none, else a shard's number.
ALTER TABLE certificates ADD COLUMN shard BIGINT NOT NULL DEFAULT 0;

-- What a CRL needs of an entry without asking for its certificate; `invalid_since` NULL: not known.
ALTER TABLE revocations ADD COLUMN shard BIGINT NOT NULL DEFAULT 0;
ALTER TABLE revocations ADD COLUMN not_after BIGINT NOT NULL DEFAULT 0;
ALTER TABLE revocations ADD COLUMN invalid_since BIGINT;
UPDATE revocations SET not_after =
    COALESCE((SELECT c.not_after FROM certificates c WHERE c.serial = revocations.serial), 0);

-- A CRL is read from this index alone: shard by shard, what has not expired, in pages that begin after a key.
DROP INDEX revocations_by_issuer;
CREATE INDEX revocations_by_shard ON revocations (issuer, shard, not_after, serial, entry);

-- Whether a CRL is asked for already.
CREATE INDEX work_by_subject ON work (kind, subject);
