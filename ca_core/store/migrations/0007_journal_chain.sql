-- A row of the journal is written without a place; the sequencer gives it its position and its hash (64 hex digits).
ALTER TABLE journal ADD COLUMN position BIGINT;
ALTER TABLE journal ADD COLUMN hash TEXT;
CREATE UNIQUE INDEX journal_by_position ON journal (position);
CREATE INDEX journal_unsequenced ON journal (id) WHERE position IS NULL;

-- The chain's last row. A position is taken by compare-and-set on this one row, so that the chain cannot fork.
CREATE TABLE journal_head (
    name     TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL,
    hash     TEXT   NOT NULL
);
INSERT INTO journal_head (name, position, hash)
    VALUES ('journal', 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- What the journal's key has signed: the newest checkpoint, and the last one of each thousand rows.
CREATE TABLE journal_checkpoints (
    position  BIGINT NOT NULL PRIMARY KEY,
    hash      TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    signature TEXT   NOT NULL
);
