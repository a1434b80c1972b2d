-- Since when a password opens nothing (RULES, S5): only a new sheet ends that.
ALTER TABLE credentials ADD COLUMN suspended_at BIGINT;

-- Wrong passwords in a row. `subject` is a keyed hash of the account as it was typed and of the credential, which is
-- empty where there is none: what was typed for nobody is counted like the rest. `guess` is a keyed slow hash.
CREATE TABLE password_guesses (
    subject       BLOB   NOT NULL,
    guess         BLOB   NOT NULL,
    credential_id TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (subject, guess)
);
CREATE INDEX password_guesses_by_age ON password_guesses (at);

-- Who is signed in, subscribers and officers, by a keyed hash of what their browser shows. `credential_id` is the
-- password that it was begun with: void, it takes the session along. `challenge` is what a passkey is to sign.
CREATE TABLE sessions (
    token_hash        BLOB   NOT NULL PRIMARY KEY,
    registration_id   TEXT   NOT NULL REFERENCES registrations (id),
    door              TEXT   NOT NULL,
    step              TEXT   NOT NULL,
    credential_id     TEXT   REFERENCES credentials (id),
    begun_at          BIGINT NOT NULL,
    seen_at           BIGINT NOT NULL,
    ends_at           BIGINT NOT NULL,
    challenge         BLOB,
    ceremony          TEXT,
    challenge_ends_at BIGINT
);
CREATE INDEX sessions_by_registration ON sessions (registration_id);
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- Passkeys by the identifier that they were registered under. `sign_count` only grows.
CREATE TABLE passkeys (
    credential_id   BLOB   NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    label           TEXT   NOT NULL,
    public_key      BLOB   NOT NULL,
    sign_count      BIGINT NOT NULL,
    is_synced       BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    used_at         BIGINT
);
CREATE INDEX passkeys_by_registration ON passkeys (registration_id, created_at);
