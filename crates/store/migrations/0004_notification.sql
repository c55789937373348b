-- What targets are to be told, and what became of it. The newest row of an incident and target is what that target was told
-- last, so it is kept as long as the incident.
CREATE TABLE notification (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,
    target   TEXT    NOT NULL,
    incident TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    -- pending, sent or dead.
    state    TEXT    NOT NULL,
    -- What is told, as JSON; it never changes.
    form     TEXT    NOT NULL,
    -- How its delivery stands, as JSON.
    delivery TEXT    NOT NULL
) STRICT;

CREATE INDEX notification_by_target ON notification (target, state, sequence);
CREATE INDEX notification_by_incident ON notification (incident, target, sequence);
CREATE INDEX notification_by_state ON notification (state, sequence);
