-- The registration of the integrator that registered it; NULL where a person did.
ALTER TABLE registrations ADD COLUMN owner TEXT;
CREATE INDEX registrations_by_owner ON registrations (owner, created_at, id);

-- What officers ask for that other officers must agree to; numbers are shared with all that waits. `payload` is JSON
-- and never holds a secret: a sheet is made when it is collected.
CREATE TABLE desk_requests (
    number          BIGINT NOT NULL PRIMARY KEY,
    action          TEXT   NOT NULL,
    registration_id TEXT   REFERENCES registrations (id),
    realm           TEXT   NOT NULL,
    payload         TEXT   NOT NULL,
    asked_by        TEXT   NOT NULL,
    needed          BIGINT NOT NULL,
    state           TEXT   NOT NULL,
    requested_at    BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    decided_at      BIGINT,
    decided_by      TEXT,
    note            TEXT   NOT NULL
);
CREATE INDEX desk_requests_by_state ON desk_requests (state, due_at);

-- Who has agreed or disagreed to whatever waits under a number.
CREATE TABLE approvals (
    number  BIGINT NOT NULL,
    officer TEXT   NOT NULL,
    verdict TEXT   NOT NULL,
    note    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (number, officer)
);
