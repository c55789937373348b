-- The audit as a chain: each row's hash covers the row and the hash of the one before it. Rows of before are moved into it by
-- the program, which alone can compute hashes.
ALTER TABLE audit RENAME TO audit_unchained;
DROP INDEX audit_by_incident;
DROP INDEX audit_by_other;
DROP INDEX audit_by_actor;

CREATE TABLE audit (
    -- From 1, without gaps.
    sequence INTEGER NOT NULL PRIMARY KEY,
    -- Where in the journal an action stands; what the server did by itself has no place there.
    position INTEGER UNIQUE,
    -- The incident it was done to, and the other one that a merge or a split concerns.
    incident TEXT,
    other    TEXT,
    actor    TEXT    NOT NULL,
    action   TEXT    NOT NULL,
    -- done, refused or denied.
    outcome  TEXT    NOT NULL,
    form     TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_by_incident ON audit (incident, sequence) WHERE incident IS NOT NULL;
CREATE INDEX audit_by_other ON audit (other, sequence) WHERE other IS NOT NULL;
CREATE INDEX audit_by_actor ON audit (actor, sequence);

-- The last row, so that one cut off at the end is missed.
CREATE TABLE audit_head (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;

-- Against mistakes of programs; whoever may write the file can take these away, and the chain tells.
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
CREATE TRIGGER audit_never_forgets BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;
