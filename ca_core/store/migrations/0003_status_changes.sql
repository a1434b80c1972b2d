-- Whose status changed, numbered in the order of the commits: every running server drops the ready-made OCSP
-- answers about these, also when another process revoked. Rows older than any answer are removed.
CREATE TABLE status_changes (
    id     BIGINT NOT NULL PRIMARY KEY,
    serial TEXT   NOT NULL,
    at     BIGINT NOT NULL
);
CREATE INDEX status_changes_by_time ON status_changes (at);

-- One row: whoever updates it holds it until the commit, so that no smaller number appears after a greater one.
CREATE TABLE status_counter (
    last BIGINT NOT NULL
);
INSERT INTO status_counter (last) VALUES (0);

-- The server's own registration is as old as the home; it gets OCSP responders' certificates from now on.
UPDATE registrations SET profiles = '["own-tls","ocsp-responder"]' WHERE kind = 'server';
