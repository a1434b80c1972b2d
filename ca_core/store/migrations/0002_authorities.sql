-- The CAs of this server. `line` is what profiles name; a rotation makes the next CA of a line. `parent` is the
-- name of the CA that signed it, its own where it signed itself. `tbs` is what is about to be signed.
CREATE TABLE authorities (
    name        TEXT   NOT NULL PRIMARY KEY,
    line        TEXT   NOT NULL,
    parent      TEXT   NOT NULL,
    key_uri     TEXT   NOT NULL,
    certificate BLOB,
    tbs         BLOB,
    signs_from  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);

-- Between two roots of one name: the old key certified by the new one, and the new by the old (RFC 4210, 4.4).
CREATE TABLE cross_certificates (
    subject     TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    certificate BLOB,
    tbs         BLOB,
    PRIMARY KEY (subject, issuer)
);

-- When the last certificate of a CA expires.
CREATE INDEX certificates_by_issuer ON certificates (issuer, not_after);
