-- What waits for an officer has one row of numbers, whatever it is.
CREATE TABLE request_numbers (last BIGINT NOT NULL);
INSERT INTO request_numbers (last) SELECT COALESCE(MAX(number), 0) FROM revocation_requests;

-- Requests for certificates that an officer looks at first. `names` has one name a line; `proved` is a JSON list;
-- `shown` is the serial of the certificate that proved the applicant; `not_before` and `not_after` are what
-- was wished; `serial` is set with the intention. `called` is as in revocation_requests.
CREATE TABLE enrollment_requests (
    number          BIGINT NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    profile         TEXT   NOT NULL,
    names           TEXT   NOT NULL,
    names_digest    BLOB   NOT NULL,
    spki_sha256     BLOB   NOT NULL,
    csr             BLOB   NOT NULL,
    door            TEXT   NOT NULL,
    proof           TEXT   NOT NULL,
    source          TEXT   NOT NULL,
    shown           TEXT,
    proved          TEXT   NOT NULL,
    replaces        TEXT,
    not_before      BIGINT,
    not_after       BIGINT,
    request_key     TEXT   UNIQUE,
    state           TEXT   NOT NULL,
    requested_at    BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    called          BIGINT NOT NULL,
    decided_at      BIGINT,
    decided_by      TEXT,
    note            TEXT   NOT NULL,
    serial          TEXT
);
CREATE INDEX enrollment_requests_by_key ON enrollment_requests (registration_id, profile, names_digest, spki_sha256);
CREATE INDEX enrollment_requests_by_state ON enrollment_requests (state, due_at);

-- However often the same is asked for, it waits once: until a certificate is begun or refused.
CREATE UNIQUE INDEX enrollment_requests_waiting ON enrollment_requests
    (registration_id, profile, names_digest, spki_sha256) WHERE state IN ('pending', 'approved');
