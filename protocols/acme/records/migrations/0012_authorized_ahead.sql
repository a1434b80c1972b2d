-- `ahead` is 1 while no order has stood on an authorization, or none does any more: when it has run out, nobody clears it
-- away with an order.
ALTER TABLE acme_authorizations ADD COLUMN ahead BIGINT NOT NULL DEFAULT 0;
UPDATE acme_authorizations SET ahead = 1 WHERE NOT EXISTS
    (SELECT 1 FROM acme_order_authorizations l WHERE l.authorization_id = acme_authorizations.id);
CREATE INDEX acme_authorizations_ahead ON acme_authorizations (expires_at) WHERE ahead = 1;
