-- Who came by an EAB key.
CREATE INDEX acme_accounts_by_credential ON acme_accounts (credential_id, id);
