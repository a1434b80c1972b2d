-- `thumbprint` is of a key that the account gave up by a key change (RFC 7638).
CREATE TABLE acme_past_keys (
    account_id  TEXT   NOT NULL REFERENCES acme_accounts (id),
    thumbprint  TEXT   NOT NULL,
    given_up_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, thumbprint)
);
