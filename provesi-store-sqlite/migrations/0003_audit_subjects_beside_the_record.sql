-- What a read costs is its record of access. A row for each subject, in a tree by subject, changed a page of the file for
-- each of them; now the record has its subjects, and a full-text index finds it by them, which SQLite writes in runs and
-- merges.
ALTER TABLE audit RENAME TO audit_before;
ALTER TABLE audit_subjects RENAME TO audit_subjects_before;
DROP INDEX audit_at;

-- `moment` is the instant in milliseconds, times 32,768, and which record of its millisecond this is, from 0: the order in
-- which records are listed as one number. `subjects` are `client:ID` and `order:NUMBER` in lower case, each once, in the
-- order of their bytes, with spaces between them.
CREATE TABLE audit (
    sequence   INTEGER PRIMARY KEY,
    moment     INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    address    TEXT,
    request_id TEXT,
    action     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    fields     TEXT    NOT NULL,
    subjects   TEXT    NOT NULL,
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    at         INTEGER NOT NULL GENERATED ALWAYS AS ((moment >> 15) * 1000) VIRTUAL
) STRICT;

CREATE UNIQUE INDEX audit_moment ON audit (moment);

INSERT INTO audit (sequence, moment, actor, address, request_id, action, outcome, fields, subjects, hash)
SELECT
    sequence,
    ((at / 1000) << 15) + row_number() OVER (PARTITION BY at ORDER BY sequence) - 1,
    actor, address, request_id, action, outcome, fields,
    coalesce((
        SELECT group_concat(subject, ' ')
        FROM (
            SELECT subject FROM audit_subjects_before AS own
            WHERE own.sequence = audit_before.sequence AND own.at = audit_before.at ORDER BY subject
        )
    ), ''),
    hash
FROM audit_before ORDER BY sequence;

DROP TABLE audit_subjects_before;
DROP TABLE audit_before;

-- The rows are moments: the records of one subject come in the order of their list. Places and sizes are not kept.
CREATE VIRTUAL TABLE audit_subjects USING fts5 (
    subjects, content = 'audit', content_rowid = 'moment', detail = 'none', columnsize = 0,
    tokenize = "ascii tokenchars ':-'"
);

-- Merging later and wider costs writers less; a reader looks into a few more runs.
INSERT INTO audit_subjects (audit_subjects, rank) VALUES ('automerge', 16);
INSERT INTO audit_subjects (rowid, subjects) SELECT moment, subjects FROM audit ORDER BY moment;
