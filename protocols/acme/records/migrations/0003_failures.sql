-- How often in a row the challenges of a name failed for an account; a success takes the row away. `paused_at` is when
-- newOrder began to refuse the name.
CREATE TABLE acme_failures (
    account_id TEXT   NOT NULL REFERENCES acme_accounts (id),
    kind       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    failures   BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL,
    paused_at  BIGINT,
    PRIMARY KEY (account_id, kind, value)
);

-- What pends is counted at each order that needs a challenge; nearly all authorizations pend no more.
CREATE INDEX acme_authorizations_pending ON acme_authorizations (account_id, expires_at) WHERE status = 'pending';
