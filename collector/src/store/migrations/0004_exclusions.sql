-- Exclusions become a log: one that is taken back stays, beside who took it back
-- and why. Entering it again is a new one.
ALTER TABLE exclusion ADD COLUMN at_ms INTEGER; -- when it was entered; NULL: before this was kept

CREATE TABLE exclusion_removed (
    exclusion  INTEGER PRIMARY KEY REFERENCES exclusion (id),
    removed_by TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;

-- What a link is, is what was last said of it, whenever that came in.
ALTER TABLE link ADD COLUMN info_at_ms INTEGER; -- of the event that told; NULL: before this was kept

-- These are logs: nobody edits them.
CREATE TRIGGER exclusion_kept BEFORE UPDATE ON exclusion
BEGIN SELECT RAISE(ABORT, 'exclusion is a log'); END;
CREATE TRIGGER exclusion_kept_whole BEFORE DELETE ON exclusion
BEGIN SELECT RAISE(ABORT, 'exclusion is a log'); END;
CREATE TRIGGER exclusion_removed_kept BEFORE UPDATE ON exclusion_removed
BEGIN SELECT RAISE(ABORT, 'exclusion_removed is a log'); END;
CREATE TRIGGER exclusion_removed_kept_whole BEFORE DELETE ON exclusion_removed
BEGIN SELECT RAISE(ABORT, 'exclusion_removed is a log'); END;
