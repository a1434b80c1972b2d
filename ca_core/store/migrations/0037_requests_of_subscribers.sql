-- A subscriber sees what became of the requests to revoke their certificates.
CREATE INDEX revocation_requests_of_registration ON revocation_requests (registration_id, number);
