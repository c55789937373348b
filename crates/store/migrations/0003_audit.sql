-- What people did: one row for each action in the journal, known by its place there.
CREATE TABLE audit (
    position INTEGER NOT NULL PRIMARY KEY,
    -- The incident it was done to, and the other one that a merge or a split concerns.
    incident TEXT,
    other    TEXT,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    refused  INTEGER NOT NULL,
    form     TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_incident ON audit (incident, position) WHERE incident IS NOT NULL;
CREATE INDEX audit_by_other ON audit (other, position) WHERE other IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor, position);
