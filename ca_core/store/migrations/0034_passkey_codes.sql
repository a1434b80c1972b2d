-- With what an officer registers a passkey without showing one: a keyed hash of the code, of which each has one at most.
CREATE TABLE passkey_codes (
    registration_id TEXT   NOT NULL PRIMARY KEY REFERENCES registrations (id),
    secret          BLOB   NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
