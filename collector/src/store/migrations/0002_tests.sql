-- Heavier tests, and those that were skipped.
CREATE TABLE test (
    agent    INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    run      INTEGER NOT NULL,                -- progress.id
    seq      INTEGER NOT NULL,
    ordered  INTEGER,                         -- the order it fulfils; NULL: none
    body     BLOB    NOT NULL,                -- hearth.v1.Record, as it came
    PRIMARY KEY (agent, start_ms, run, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX test_ordered ON test (ordered) WHERE ordered IS NOT NULL;

ALTER TABLE agent ADD COLUMN tests INTEGER NOT NULL DEFAULT 0; -- stored

-- Every plan there ever was: the latest of a household is in force, else the
-- latest of all.
CREATE TABLE plan (
    version    INTEGER PRIMARY KEY,           -- rises with every change
    household  INTEGER REFERENCES household (id), -- NULL: all without a plan of their own
    body       TEXT,                          -- JSON; NULL: taken back
    entered_by TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_household ON plan (household, version);

-- Every test ever ordered. What came of one is in `test`.
CREATE TABLE test_order (
    id         INTEGER PRIMARY KEY,
    household  INTEGER NOT NULL REFERENCES household (id),
    agent      INTEGER NOT NULL REFERENCES agent (id),
    link       TEXT,                          -- NULL: the one in use
    kind       TEXT    NOT NULL,              -- by its stable name
    entered_by TEXT    NOT NULL,
    via        TEXT    NOT NULL,              -- 'cli' or 'api'
    at_ms      INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX test_order_household ON test_order (household, at_ms);
CREATE INDEX test_order_by ON test_order (via, entered_by, at_ms);

-- Every time an order was handed to its agent.
CREATE TABLE test_order_sent (
    id         INTEGER PRIMARY KEY,
    test_order INTEGER NOT NULL REFERENCES test_order (id),
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX test_order_sent_order ON test_order_sent (test_order, at_ms);

-- These are logs: nobody edits them.
CREATE TRIGGER plan_kept BEFORE UPDATE ON plan
BEGIN SELECT RAISE(ABORT, 'plan is a log'); END;
CREATE TRIGGER plan_kept_whole BEFORE DELETE ON plan
BEGIN SELECT RAISE(ABORT, 'plan is a log'); END;
CREATE TRIGGER test_order_kept BEFORE UPDATE ON test_order
BEGIN SELECT RAISE(ABORT, 'test_order is a log'); END;
CREATE TRIGGER test_order_kept_whole BEFORE DELETE ON test_order
BEGIN SELECT RAISE(ABORT, 'test_order is a log'); END;
CREATE TRIGGER test_order_sent_kept BEFORE UPDATE ON test_order_sent
BEGIN SELECT RAISE(ABORT, 'test_order_sent is a log'); END;
CREATE TRIGGER test_order_sent_kept_whole BEFORE DELETE ON test_order_sent
BEGIN SELECT RAISE(ABORT, 'test_order_sent is a log'); END;
