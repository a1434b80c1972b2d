-- `account` is the ACME account that asks, as `acme-account:ID`; NULL where another door does. What waits for an
-- account is taken over by its next order, whatever the key.
ALTER TABLE enrollment_requests ADD COLUMN account TEXT;
CREATE INDEX enrollment_requests_of_account ON enrollment_requests (account) WHERE state IN ('pending', 'approved');
CREATE INDEX enrollment_requests_of_registration ON enrollment_requests (registration_id)
    WHERE state IN ('pending', 'approved');
