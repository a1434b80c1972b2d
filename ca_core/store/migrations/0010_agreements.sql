-- The subscriber agreement, version by version: what was accepted can be read again, and a version never gets another text.
CREATE TABLE agreements (
    version      TEXT   NOT NULL PRIMARY KEY,
    media_type   TEXT   NOT NULL,
    text         BLOB   NOT NULL,
    sha256       TEXT   NOT NULL,
    published_at BIGINT NOT NULL
);
