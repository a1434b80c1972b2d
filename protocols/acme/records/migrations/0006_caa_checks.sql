-- `name` is that of a certificate: the authorization's own, or one below it where it spans those.
CREATE TABLE acme_caa_checks (
    authorization_id TEXT   NOT NULL REFERENCES acme_authorizations (id),
    name             TEXT   NOT NULL,
    checked_at       BIGINT NOT NULL,
    PRIMARY KEY (authorization_id, name)
);
