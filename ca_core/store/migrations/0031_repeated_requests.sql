-- What the API answered to requests with an Idempotency-Key, for a day. `status` is NULL while one is being answered, or
-- where nobody knows what became of it; `answer` is NULL of an answer with a secret, which is stored nowhere.
CREATE TABLE repeated_requests (
    actor    TEXT   NOT NULL,
    key      TEXT   NOT NULL,
    digest   BLOB   NOT NULL,
    asked_at BIGINT NOT NULL,
    status   BIGINT,
    headers  TEXT   NOT NULL,
    answer   BLOB,
    PRIMARY KEY (actor, key)
);
CREATE INDEX repeated_requests_by_time ON repeated_requests (asked_at);
