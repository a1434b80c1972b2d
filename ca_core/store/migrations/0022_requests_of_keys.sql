-- Some clients come again without saying what for; their key says it.
CREATE INDEX enrollment_requests_of_key ON enrollment_requests (registration_id, spki_sha256);
