-- What proofs that an enrollment code is known are checked with, sealed; NULL for what was handed over before.
ALTER TABLE credentials ADD COLUMN proof_key BLOB;
