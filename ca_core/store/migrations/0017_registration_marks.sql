-- By what a registration is found when its subscriber's device is shown by somebody else: its manufacturer, or a
-- registration authority's client. `marked` is 0 for a registration that was made before there were marks, until
-- somebody looks for one.
CREATE TABLE registration_marks (
    mark            TEXT NOT NULL,
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    PRIMARY KEY (mark, registration_id)
);
CREATE INDEX registration_marks_by_registration ON registration_marks (registration_id);
ALTER TABLE registrations ADD COLUMN marked BIGINT NOT NULL DEFAULT 0;
CREATE INDEX registrations_by_marked ON registrations (marked);
