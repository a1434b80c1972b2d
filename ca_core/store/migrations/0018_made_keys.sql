-- For which certificates the server made the key (RFC 7030, 4.4); of the key itself nothing is stored.
CREATE TABLE made_keys (
    serial  TEXT   NOT NULL PRIMARY KEY REFERENCES certificates (serial),
    made_at BIGINT NOT NULL
);

-- Under which symmetric key a made key travels to its registration, sealed; one each.
CREATE TABLE decryption_keys (
    key_id          TEXT   NOT NULL PRIMARY KEY,
    registration_id TEXT   NOT NULL UNIQUE REFERENCES registrations (id),
    sealed          BLOB   NOT NULL,
    made_at         BIGINT NOT NULL
);
