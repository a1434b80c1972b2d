-- By what many are registered at once. `key` makes it the same one again: of a file, the digest of its content. Of its
-- runs only the newest goes on. `owner` is the registration of the integrator whose it is, or empty.
CREATE TABLE imports (
    id         TEXT   NOT NULL PRIMARY KEY,
    key        TEXT   NOT NULL,
    realm      TEXT   NOT NULL,
    owner      TEXT   NOT NULL,
    asked_by   TEXT   NOT NULL,
    run        BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    UNIQUE (realm, owner, key)
);

-- The lines that are done, by the digest of what each asks for: registered, or waiting for officers under a number.
-- `sheet` is the one that was made for it last; while `handed_over` is 0, nobody may have got that.
CREATE TABLE import_lines (
    import_id       TEXT   NOT NULL REFERENCES imports (id),
    digest          TEXT   NOT NULL,
    registration_id TEXT   REFERENCES registrations (id),
    request         BIGINT,
    sheet           BIGINT NOT NULL,
    handed_over     BIGINT NOT NULL,
    PRIMARY KEY (import_id, digest)
);
