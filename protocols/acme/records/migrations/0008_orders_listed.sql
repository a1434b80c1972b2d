-- An account's orders are listed, and given up with it, without those that are invalid, of which there may be millions.
DROP INDEX acme_orders_by_account;
CREATE INDEX acme_orders_listed ON acme_orders (account_id, id) WHERE status <> 'invalid';
