-- What is to be told: by mail, or by a webhook. `id` is that of the message and stays the same however often it is sent;
-- `key` is what it tells, once for each channel; `notice` is JSON. `why` is what kept it the last time.
CREATE TABLE outbox (
    id              TEXT   NOT NULL PRIMARY KEY,
    channel         TEXT   NOT NULL,
    key             TEXT   NOT NULL,
    topic           TEXT   NOT NULL,
    registration_id TEXT   NOT NULL,
    notice          TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    due_at          BIGINT NOT NULL,
    leased_until    BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    why             TEXT   NOT NULL
);
CREATE UNIQUE INDEX outbox_by_key ON outbox (channel, key);
CREATE INDEX outbox_by_due ON outbox (channel, due_at);
CREATE INDEX outbox_by_age ON outbox (channel, created_at);

-- A channel that keeps failing rests: `failures` in a row, and until when nothing is tried.
CREATE TABLE notice_channels (
    name         TEXT   NOT NULL PRIMARY KEY,
    failures     BIGINT NOT NULL,
    paused_until BIGINT NOT NULL,
    why          TEXT   NOT NULL
);

-- How far the journal, and what expires, has been looked through. `last` orders what has the same `at`.
CREATE TABLE notice_cursors (
    name TEXT   NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL,
    last TEXT   NOT NULL
);

-- What was said of an end, so that it is said once: `days` before it. A registration that is renewed has another end.
CREATE TABLE expiry_notices (
    subject TEXT   NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    days    BIGINT NOT NULL
);

-- Who wants no mail that is not legally due. `address_digest` is of the address: another one is asked anew.
CREATE TABLE unsubscriptions (
    registration_id TEXT   NOT NULL,
    address_digest  BLOB   NOT NULL,
    at              BIGINT NOT NULL,
    PRIMARY KEY (registration_id, address_digest)
);

CREATE INDEX registrations_by_end ON registrations (expires_at, id);

-- What ends soon, whatever CRL shows it.
CREATE INDEX certificates_by_end ON certificates (state, not_after, serial);
