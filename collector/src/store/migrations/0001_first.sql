-- Times are milliseconds since 1970. Names are pseudonyms; the small integers
-- that stand for them are this file's own.

CREATE TABLE household (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    first_seen_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE agent (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    household     INTEGER NOT NULL REFERENCES household (id),
    version       TEXT    NOT NULL,
    vantage       INTEGER NOT NULL,           -- as on the wire
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms  INTEGER NOT NULL,
    events        INTEGER NOT NULL DEFAULT 0, -- stored
    duplicates    INTEGER NOT NULL DEFAULT 0  -- came again, counted once
) STRICT;
CREATE INDEX agent_household ON agent (household);

-- One run of an agent's program: what was once (agent, boot) on the wire.
CREATE TABLE progress (
    id        INTEGER PRIMARY KEY,
    agent     INTEGER NOT NULL REFERENCES agent (id),
    boot      INTEGER NOT NULL,               -- the 64 bits, signed
    up_to_seq INTEGER NOT NULL,               -- all up to here is durable or refused
    UNIQUE (agent, boot)
) STRICT;

CREATE TABLE link (
    id           INTEGER PRIMARY KEY,
    agent        INTEGER NOT NULL REFERENCES agent (id),
    name         TEXT    NOT NULL,
    info         BLOB,                        -- hearth.v1.LinkInfo as last told; NULL: not told yet
    first_ms     INTEGER NOT NULL,            -- of its first record
    last_slot_ms INTEGER,
    slots        INTEGER NOT NULL DEFAULT 0,  -- stored
    UNIQUE (agent, name)
) STRICT;

CREATE TABLE link_slot (
    link     INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    run      INTEGER NOT NULL,                -- progress.id
    seq      INTEGER NOT NULL,
    body     BLOB    NOT NULL,                -- hearth.v1.Record, as it came
    PRIMARY KEY (link, start_ms, run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    agent INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    run   INTEGER NOT NULL,
    seq   INTEGER NOT NULL,
    body  BLOB    NOT NULL,
    PRIMARY KEY (agent, at_ms, run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE refusal (
    agent   INTEGER NOT NULL,
    class   TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE exclusion (
    id         INTEGER PRIMARY KEY,
    household  INTEGER NOT NULL REFERENCES household (id),
    link       TEXT,                          -- NULL: all links
    from_ms    INTEGER NOT NULL,
    to_ms      INTEGER NOT NULL,
    entered_by TEXT    NOT NULL,
    why        TEXT    NOT NULL
) STRICT;
CREATE INDEX exclusion_household ON exclusion (household, from_ms);
