-- Alerts of other systems, each folded to one row.
CREATE TABLE alert (
    provider TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    -- When it was told of last.
    last_at  INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    env      TEXT,
    service  TEXT,
    form     TEXT    NOT NULL,
    PRIMARY KEY (provider, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_by_time ON alert (last_at, provider, id);
