-- What the desk's lists are read by: each page is a few steps along one index, however long the list is.

-- Whose a certificate is, as its registration says; neither ever changes.
ALTER TABLE certificates ADD COLUMN realm TEXT NOT NULL DEFAULT 'main';
ALTER TABLE certificates ADD COLUMN owner TEXT;
UPDATE certificates SET realm = (SELECT g.realm FROM registrations g WHERE g.id = certificates.registration_id),
    owner = (SELECT g.owner FROM registrations g WHERE g.id = certificates.registration_id)
    WHERE registration_id IN (SELECT id FROM registrations WHERE realm <> 'main' OR owner IS NOT NULL);

-- By expiry. Only what was issued: an intention has nothing to show, and is not moved through these indexes. Said by
-- its time and not by its state, or SQLite would take the index of all that ends (`certificates_by_end`) for a realm.
CREATE INDEX certificates_by_expiry ON certificates (realm, profile, not_after, serial) WHERE issued_at IS NOT NULL;
CREATE INDEX certificates_of_registration ON certificates (registration_id, not_after, serial) WHERE issued_at IS NOT NULL;
CREATE INDEX certificates_by_owner ON certificates (owner, not_after, serial)
    WHERE issued_at IS NOT NULL AND owner IS NOT NULL;

-- By how its first name begins; PostgreSQL indexes nothing of more than 2,700 octets. Further names have rows of their own.
CREATE INDEX certificates_by_name ON certificates (realm, SUBSTR(names, 1, 256), serial) WHERE issued_at IS NOT NULL;
CREATE TABLE further_names (
    realm  TEXT NOT NULL,
    name   TEXT NOT NULL,
    serial TEXT NOT NULL,
    PRIMARY KEY (realm, name, serial)
);

CREATE INDEX revocations_by_time ON revocations (revoked_at, serial);
CREATE INDEX revocations_on_hold ON revocations (revoked_at, serial) WHERE reason = 6;

-- By which words a registration is found (`ca_core.registration.search_terms`). The older ones get theirs, with their
-- marks, when somebody first looks for one.
CREATE TABLE search_terms (
    registration_id TEXT NOT NULL REFERENCES registrations (id),
    term            TEXT NOT NULL,
    realm           TEXT NOT NULL,
    owner           TEXT,
    PRIMARY KEY (registration_id, term)
);
CREATE INDEX search_terms_by_realm ON search_terms (realm, term, registration_id);
CREATE INDEX search_terms_by_owner ON search_terms (owner, term, registration_id) WHERE owner IS NOT NULL;
UPDATE registrations SET marked = 0;

CREATE INDEX registrations_by_kind ON registrations (realm, kind, created_at, id);
CREATE INDEX registrations_by_status ON registrations (realm, status, expires_at, id);

-- What is not written at each issuance, and what people did.
CREATE INDEX journal_by_event ON journal (event, id)
    WHERE event NOT IN ('certificate-issued', 'policy-grant', 'name-proved', 'acme-account-bound');
CREATE INDEX journal_by_staff ON journal (actor, id) WHERE SUBSTR(actor, 1, 4) IN ('api:', 'cli:', 'desk');
