-- State beside the journal. Times are nanoseconds since 1970; ids are text, as people read them.
-- What lists are filtered and ordered by stands in columns; the whole thing stands beside them as JSON in `form`,
-- or compressed with zstd where it may be large, with its length before compression.

-- Up to and with which journal position everything below is in: one row.
CREATE TABLE applied (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE incident (
    id        TEXT    NOT NULL PRIMARY KEY,
    -- The incident's place in the list: set once, so that pages do not shift.
    listed_at INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    env       TEXT    NOT NULL,
    service   TEXT,
    form      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX incident_by_place ON incident (listed_at, id);
CREATE INDEX incident_unresolved_by_place ON incident (listed_at, id) WHERE state <> 'resolved';

CREATE TABLE report (
    sequence INTEGER NOT NULL PRIMARY KEY,
    incident TEXT    NOT NULL,
    tick     INTEGER NOT NULL,
    hash     TEXT    NOT NULL,
    length   INTEGER NOT NULL,
    zstd     BLOB    NOT NULL,
    UNIQUE (incident, tick, hash)
) STRICT;

CREATE INDEX report_by_incident ON report (incident, sequence);
CREATE INDEX report_by_hash ON report (hash);

CREATE TABLE trace (
    id     TEXT    NOT NULL PRIMARY KEY,
    length INTEGER NOT NULL,
    zstd   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Which incident cites which trace.
CREATE TABLE citation (
    trace    TEXT NOT NULL,
    incident TEXT NOT NULL,
    PRIMARY KEY (trace, incident)
) STRICT, WITHOUT ROWID;

CREATE TABLE signal (
    id   TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL,
    form TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX signal_by_time ON signal (at, id);

CREATE TABLE deployment (
    id   TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL,
    form TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX deployment_by_time ON deployment (at, id);
