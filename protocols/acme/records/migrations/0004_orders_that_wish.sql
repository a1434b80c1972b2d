-- What a client wished for: dates (UTC seconds), and the certificate that the order replaces, as RFC 9773, 4.1 names it.
ALTER TABLE acme_orders ADD COLUMN not_before BIGINT;
ALTER TABLE acme_orders ADD COLUMN not_after BIGINT;
ALTER TABLE acme_orders ADD COLUMN replaces TEXT;

-- One order replaces a certificate; one that became invalid gives it free.
CREATE UNIQUE INDEX acme_orders_replacing ON acme_orders (replaces) WHERE replaces IS NOT NULL AND status <> 'invalid';

-- `spans` is 1 where a proof does for every name below the identifier, too (RFC 9444).
ALTER TABLE acme_authorizations ADD COLUMN spans BIGINT NOT NULL DEFAULT 0;
CREATE INDEX acme_authorizations_spanning ON acme_authorizations (account_id) WHERE spans = 1;

-- What has run out is marked, and found by these.
CREATE INDEX acme_orders_waiting ON acme_orders (expires_at) WHERE status IN ('pending', 'ready');
CREATE INDEX acme_authorizations_waiting ON acme_authorizations (expires_at) WHERE status = 'pending';
