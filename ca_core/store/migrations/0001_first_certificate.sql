-- What the RA vetted. `names` is a JSON list of grants, read and written whole; `uses` is how often each
-- machine credential of a sheet works, NULL without limit; `subject_der` is what goes into certificates.
CREATE TABLE registrations (
    id          TEXT   NOT NULL PRIMARY KEY,
    account     TEXT   NOT NULL UNIQUE,
    kind        TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    subject_der BLOB   NOT NULL,
    names       TEXT   NOT NULL,
    profiles    TEXT   NOT NULL,
    language    TEXT   NOT NULL,
    uses        BIGINT,
    sheet       BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

-- One secret of a sheet. `secret` is a keyed hash, or the sealed MAC key of an EAB. `uses_left` NULL means unlimited.
CREATE TABLE credentials (
    id              TEXT   NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    sheet           BIGINT NOT NULL,
    kind            TEXT   NOT NULL,
    kid             TEXT   UNIQUE,
    secret          BLOB   NOT NULL,
    uses_left       BIGINT,
    expires_at      BIGINT NOT NULL,
    voided_at       BIGINT,
    created_at      BIGINT NOT NULL
);
CREATE INDEX credentials_by_registration ON credentials (registration_id, kind);

-- A row is born as an intention (`intended`, with the bytes to be signed) and becomes `issued`, or `abandoned`.
CREATE TABLE certificates (
    serial          TEXT   NOT NULL PRIMARY KEY,
    issuer          TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    request_key     TEXT   UNIQUE,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    profile         TEXT   NOT NULL,
    names           TEXT   NOT NULL,
    names_digest    BLOB   NOT NULL,
    spki_sha256     BLOB   NOT NULL,
    not_before      BIGINT NOT NULL,
    not_after       BIGINT NOT NULL,
    replaces        TEXT,
    door            TEXT   NOT NULL,
    tbs             BLOB,
    der             BLOB,
    intended_at     BIGINT NOT NULL,
    issued_at       BIGINT
);
CREATE INDEX certificates_by_holding ON certificates (registration_id, profile, names_digest);
CREATE INDEX certificates_by_state ON certificates (state, intended_at);

-- Who may use a public key, and for what: one row for ever, so that no two owners ever share it.
CREATE TABLE key_owners (
    spki_sha256     BLOB NOT NULL PRIMARY KEY,
    purpose         TEXT NOT NULL,
    registration_id TEXT NOT NULL
);

-- `entry` is the DER of the CRL's revokedCertificates element, so that a CRL is joined and not built.
CREATE TABLE revocations (
    serial     TEXT   NOT NULL PRIMARY KEY,
    issuer     TEXT   NOT NULL,
    revoked_at BIGINT NOT NULL,
    reason     BIGINT NOT NULL,
    entry      BLOB   NOT NULL
);
CREATE INDEX revocations_by_issuer ON revocations (issuer);

-- The newest CRL of each issuer.
CREATE TABLE publications (
    name        TEXT   NOT NULL PRIMARY KEY,
    number      BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    der         BLOB   NOT NULL
);

CREATE TABLE journal (
    id              TEXT   NOT NULL PRIMARY KEY,
    at              BIGINT NOT NULL,
    event           TEXT   NOT NULL,
    actor           TEXT   NOT NULL,
    registration_id TEXT,
    serial          TEXT,
    detail          TEXT   NOT NULL
);
CREATE INDEX journal_by_registration ON journal (registration_id, id);
CREATE INDEX journal_by_serial ON journal (serial);

CREATE TABLE work (
    id           TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    due_at       BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    attempts     BIGINT NOT NULL
);
CREATE INDEX work_by_due ON work (kind, due_at);
