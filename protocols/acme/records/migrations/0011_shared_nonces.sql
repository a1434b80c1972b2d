-- Nonces of servers that share this database. The key of all nonces is made of `seed` and of a secret that is not in
-- here, so that a crash that takes the spent marks away takes the key with them. `floor` is UTC seconds: older nonces
-- are refused, and their marks are gone. Where one process serves, its memory has all of this.
CREATE /* unlogged */ TABLE acme_nonce_seeds (
    name  TEXT   NOT NULL PRIMARY KEY,
    seed  BLOB   NOT NULL,
    floor BIGINT NOT NULL
);

CREATE /* unlogged */ TABLE acme_spent_nonces (
    mark      BLOB   NOT NULL PRIMARY KEY,
    issued_at BIGINT NOT NULL
);
CREATE INDEX acme_spent_nonces_by_age ON acme_spent_nonces (issued_at);

-- From where a challenge was answered, for whoever looks at it: of an open account the source pays for failures.
ALTER TABLE acme_challenges ADD COLUMN answered_from TEXT NOT NULL DEFAULT '';
