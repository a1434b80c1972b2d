-- What waits for an officer. `number` is how people call it; `holds` is 1 while the certificate is on hold because
-- of it; `called` is 1 once it was called for at half of its time, 2 once it was overdue.
CREATE TABLE revocation_requests (
    number          BIGINT NOT NULL PRIMARY KEY,
    serial          TEXT   NOT NULL REFERENCES certificates (serial),
    registration_id TEXT   NOT NULL,
    reason          BIGINT NOT NULL,
    asker           TEXT   NOT NULL,
    actor           TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    holds           BIGINT NOT NULL,
    requested_at    BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    called          BIGINT NOT NULL,
    decided_at      BIGINT,
    decided_by      TEXT,
    note            TEXT   NOT NULL
);

-- A certificate has one pending request, however often it is asked for.
CREATE UNIQUE INDEX revocation_requests_pending ON revocation_requests (serial) WHERE state = 'pending';

-- A compromised key takes every certificate with it.
CREATE INDEX certificates_by_key ON certificates (spki_sha256);
