-- `credential_id` is the EAB key that bound the account, NULL for an open one; `jwk` holds the members of RFC 7638
-- only; `contacts` is a JSON list; `eab` is the verified binding as it came, to be echoed.
CREATE TABLE acme_accounts (
    id              TEXT   NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    credential_id   TEXT   REFERENCES credentials (id),
    thumbprint      TEXT   NOT NULL UNIQUE,
    jwk             TEXT   NOT NULL,
    contacts        TEXT   NOT NULL,
    status          TEXT   NOT NULL,
    eab             TEXT,
    created_at      BIGINT NOT NULL
);

-- `status` is pending, ready, processing or invalid: that an order is valid is seen by its certificate, whose request
-- key is `acme-order:ID`. `identifiers` is a JSON list; `error` a JSON problem; `csr_digest` is set by finalize.
CREATE TABLE acme_orders (
    id          TEXT   NOT NULL PRIMARY KEY,
    account_id  TEXT   NOT NULL REFERENCES acme_accounts (id),
    status      TEXT   NOT NULL,
    identifiers TEXT   NOT NULL,
    profile     TEXT   NOT NULL,
    expires_at  BIGINT NOT NULL,
    error       TEXT,
    csr_digest  BLOB,
    created_at  BIGINT NOT NULL
);
CREATE INDEX acme_orders_by_account ON acme_orders (account_id, id);

-- `value` keeps the `*.` of a wildcard; `vetted` is 1 where the RA's word made it valid and no challenge did.
CREATE TABLE acme_authorizations (
    id         TEXT   NOT NULL PRIMARY KEY,
    account_id TEXT   NOT NULL REFERENCES acme_accounts (id),
    kind       TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    vetted     BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX acme_authorizations_by_name ON acme_authorizations (account_id, kind, value, status);

CREATE TABLE acme_order_authorizations (
    order_id         TEXT NOT NULL REFERENCES acme_orders (id),
    authorization_id TEXT NOT NULL REFERENCES acme_authorizations (id),
    PRIMARY KEY (order_id, authorization_id)
);
CREATE INDEX acme_order_authorizations_by_authorization ON acme_order_authorizations (authorization_id);

-- `error` is a JSON problem, and `type` the challenge's type.
CREATE TABLE acme_challenges (
    id               TEXT   NOT NULL PRIMARY KEY,
    authorization_id TEXT   NOT NULL REFERENCES acme_authorizations (id),
    type             TEXT   NOT NULL,
    token            TEXT   NOT NULL,
    status           TEXT   NOT NULL,
    error            TEXT,
    validated_at     BIGINT
);
CREATE INDEX acme_challenges_by_authorization ON acme_challenges (authorization_id);
