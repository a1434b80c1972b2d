-- What officers ask for themselves is called for as all that waits is (`called`, as in revocation_requests).
ALTER TABLE desk_requests ADD COLUMN called BIGINT NOT NULL DEFAULT 0;

-- What waits, the most urgent first, however much was decided before.
DROP INDEX enrollment_requests_by_state;
DROP INDEX desk_requests_by_state;
CREATE INDEX enrollment_requests_open ON enrollment_requests (due_at, number) WHERE state = 'pending';
CREATE INDEX revocation_requests_open ON revocation_requests (due_at, number) WHERE state = 'pending';
CREATE INDEX desk_requests_open ON desk_requests (due_at, number) WHERE state IN ('pending', 'approved');

-- What came to nothing, for whoever asked.
CREATE INDEX desk_requests_undone ON desk_requests (asked_by, decided_at, number) WHERE state IN ('rejected', 'lapsed');
