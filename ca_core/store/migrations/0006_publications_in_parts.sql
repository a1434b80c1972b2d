-- A CRL may have megabytes: it is stored in parts, each in a short transaction of its own, and seen at once when
-- `publications.body` names it. What no publication names is left by a process that died, or was replaced.
CREATE TABLE publication_parts (
    body    TEXT   NOT NULL,
    part    BIGINT NOT NULL,
    name    TEXT   NOT NULL,
    made_at BIGINT NOT NULL,
    octets  BLOB   NOT NULL,
    PRIMARY KEY (body, part)
);
CREATE INDEX publication_parts_by_name ON publication_parts (name, body, made_at);

-- `name` is the issuer's and, of a shard, its number: `issuing`, `issuing.7`.
ALTER TABLE publications ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE publications ADD COLUMN shard BIGINT NOT NULL DEFAULT 0;
ALTER TABLE publications ADD COLUMN body TEXT NOT NULL DEFAULT '';
ALTER TABLE publications ADD COLUMN parts BIGINT NOT NULL DEFAULT 1;
UPDATE publications SET issuer = name, body = name;
INSERT INTO publication_parts (body, part, name, made_at, octets) SELECT name, 0, name, this_update, der FROM publications;
ALTER TABLE publications DROP COLUMN der;
