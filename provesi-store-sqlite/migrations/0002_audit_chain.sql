-- Records of access as one chain (`hash`, over each record, its place and the one before it). Those that were kept
-- before are linked in by the program in this same transaction, and the tables that hold them until then are dropped.
ALTER TABLE audit RENAME TO audit_unlinked;
ALTER TABLE audit_subjects RENAME TO audit_subjects_unlinked;
DROP INDEX audit_at;
CREATE INDEX audit_subjects_unlinked_id ON audit_subjects_unlinked (audit_id);

CREATE TABLE audit (
    sequence   INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    address    TEXT,
    request_id TEXT,
    action     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    fields     TEXT    NOT NULL,
    hash       BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX audit_at ON audit (at);

-- `client:ID` and `order:NUMBER`, in lower case. `at` is the record's, so that one subject's records are in its order.
CREATE TABLE audit_subjects (
    subject  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (subject, at, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_subjects_sequence ON audit_subjects (sequence, at);

-- Where the chain goes on, also where somebody cut off its tail.
CREATE TABLE audit_head (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

INSERT INTO audit_head (one, sequence, hash) VALUES (1, 0, zeroblob(32));
