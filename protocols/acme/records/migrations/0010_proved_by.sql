-- Of several challenges that were met, the one that made the authorization valid; empty where none did.
ALTER TABLE acme_authorizations ADD COLUMN proved_by TEXT NOT NULL DEFAULT '';
UPDATE acme_authorizations SET proved_by = COALESCE((
    SELECT c.type FROM acme_challenges c
    WHERE c.authorization_id = acme_authorizations.id AND c.status = 'valid'
    ORDER BY c.validated_at, c.type LIMIT 1
), '') WHERE vetted = 0;
