-- A subscriber sees the accounts of their registration, the newest first.
CREATE INDEX acme_accounts_of_registration ON acme_accounts (registration_id, id);
