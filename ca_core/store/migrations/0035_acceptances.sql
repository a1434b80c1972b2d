-- Which version of the subscriber agreement a registration has accepted, when, and through which door (RULES, S6).
CREATE TABLE acceptances (
    registration_id TEXT   NOT NULL REFERENCES registrations (id),
    version         TEXT   NOT NULL,
    sha256          TEXT   NOT NULL,
    accepted_at     BIGINT NOT NULL,
    door            TEXT   NOT NULL,
    PRIMARY KEY (registration_id, version)
);
