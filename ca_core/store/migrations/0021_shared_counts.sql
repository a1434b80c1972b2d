-- Token buckets of servers that share this database: `full_at` is microseconds since 1970. Where one process serves,
-- they are in its memory and this stays empty. What a crash of the database takes away is forgiven.
CREATE /* unlogged */ TABLE buckets (
    meter   TEXT   NOT NULL,
    payer   TEXT   NOT NULL,
    full_at BIGINT NOT NULL,
    PRIMARY KEY (meter, payer)
);

-- What every server of this database must have alike, by fingerprint; the first server says it.
CREATE TABLE agreed (
    name        TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL
);
