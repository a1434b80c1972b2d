-- What is good for once and was taken: the digest of an answer to the portal's gate, until it would be too old anyway.
CREATE TABLE spent_marks (
    mark    BLOB   NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);
CREATE INDEX spent_marks_by_end ON spent_marks (ends_at);
