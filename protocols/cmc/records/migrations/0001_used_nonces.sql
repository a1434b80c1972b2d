-- Sender nonces that were used (RFC 5272, 6.6), of servers that share this database; durable, because no key goes with
-- the marks in a crash. Where one process serves, they are in its memory and this stays empty.
CREATE TABLE cmc_used_nonces (
    sender  TEXT   NOT NULL,
    nonce   BLOB   NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (sender, nonce)
);
CREATE INDEX cmc_used_nonces_by_age ON cmc_used_nonces (used_at);
