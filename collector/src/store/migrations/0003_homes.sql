-- What is told of homes. The latest entry of a household is what holds. Kept by
-- name, since a home may be told of before its first agent is heard.
CREATE TABLE home (
    version    INTEGER PRIMARY KEY,           -- rises with every change
    household  TEXT    NOT NULL,
    body       TEXT,                          -- JSON; NULL: taken back
    entered_by TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX home_household ON home (household, version);

-- A log: nobody edits it.
CREATE TRIGGER home_kept BEFORE UPDATE ON home
BEGIN SELECT RAISE(ABORT, 'home is a log'); END;
CREATE TRIGGER home_kept_whole BEFORE DELETE ON home
BEGIN SELECT RAISE(ABORT, 'home is a log'); END;
