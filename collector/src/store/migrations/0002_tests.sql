-- Heavier tests, and those that were skipped.
CREATE TABLE test (
    agent    INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    run      INTEGER NOT NULL,                -- progress.id
    seq      INTEGER NOT NULL,
    body     BLOB    NOT NULL,                -- hearth.v1.Record, as it came
    PRIMARY KEY (agent, start_ms, run, seq)
) STRICT, WITHOUT ROWID;
