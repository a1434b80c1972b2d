-- What limits an EAB key: `networks` and `profiles` are JSON lists, empty for no limit. `line` is the id of the key that it
-- was rotated from first, or its own: the keys of a line share their uses. `successor` is the kid that it was rotated
-- to. `revoked_at` stops it and the accounts that it bound, and can be taken back; `voided_at` stops it alone, for good.
ALTER TABLE credentials ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE credentials ADD COLUMN profiles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE credentials ADD COLUMN line TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN successor TEXT;
ALTER TABLE credentials ADD COLUMN revoked_at BIGINT;
UPDATE credentials SET line = id;
CREATE INDEX credentials_by_line ON credentials (line);
