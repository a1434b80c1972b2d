-- Who works at the registration authority. A name is given once: votes are counted by it.
CREATE TABLE officers (
    registration_id TEXT   NOT NULL PRIMARY KEY REFERENCES registrations (id),
    name            TEXT   NOT NULL UNIQUE,
    role            TEXT   NOT NULL,
    realm           TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    ended_at        BIGINT
);

-- Bearer tokens of integrators. `scope` is a JSON list of actions; of the token itself there is a keyed hash.
CREATE TABLE tokens (
    id              TEXT   NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    secret          BLOB   NOT NULL,
    scope           TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    ended_at        BIGINT
);
CREATE INDEX tokens_by_registration ON tokens (registration_id, created_at);
