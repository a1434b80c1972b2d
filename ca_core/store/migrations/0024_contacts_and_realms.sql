-- Whom to reach (JSON, see `Contact`), which RA the registration belongs to, and how often it was changed.
ALTER TABLE registrations ADD COLUMN contact TEXT NOT NULL DEFAULT '{}';
ALTER TABLE registrations ADD COLUMN realm TEXT NOT NULL DEFAULT 'main';
ALTER TABLE registrations ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- How often the EAB key of a sheet works, as `uses` says it of the enrollment code; NULL is unlimited.
ALTER TABLE registrations ADD COLUMN eab_uses BIGINT;
UPDATE registrations SET eab_uses = uses;
CREATE INDEX registrations_by_realm ON registrations (realm, created_at, id);
-- Whether it opens nothing until its sheet is activated: 1 or 0.
ALTER TABLE credentials ADD COLUMN dormant BIGINT NOT NULL DEFAULT 0;
