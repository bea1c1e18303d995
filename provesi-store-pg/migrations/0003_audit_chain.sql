-- Records of access as one chain (`hash`, over each record, its place and the one before it). Those that were kept
-- before are linked in by the program in this same transaction, and the tables that hold them until then are dropped.
ALTER TABLE provesi_audit RENAME TO provesi_audit_unlinked;
ALTER TABLE provesi_audit_unlinked RENAME CONSTRAINT provesi_audit_pkey TO provesi_audit_unlinked_pkey;
DROP INDEX provesi_audit_at;
ALTER TABLE provesi_audit_subjects RENAME TO provesi_audit_subjects_unlinked;
ALTER TABLE provesi_audit_subjects_unlinked
    RENAME CONSTRAINT provesi_audit_subjects_pkey TO provesi_audit_subjects_unlinked_pkey;
DROP INDEX provesi_audit_subjects_subject;

CREATE TABLE provesi_audit (
    sequence   bigint      NOT NULL,
    at         timestamptz NOT NULL,
    actor      text        NOT NULL,
    address    text,
    request_id text,
    action     text        NOT NULL,
    outcome    text        NOT NULL,
    fields     text[]      NOT NULL,
    hash       bytea       NOT NULL CHECK (length(hash) = 32),
    CONSTRAINT provesi_audit_pkey PRIMARY KEY (sequence)
);

CREATE INDEX provesi_audit_at ON provesi_audit (at, sequence);

-- `client:ID` and `order:NUMBER`, in lower case. `at` is the record's, so that one subject's records are in its order.
CREATE TABLE provesi_audit_subjects (
    sequence bigint      NOT NULL,
    at       timestamptz NOT NULL,
    subject  text        COLLATE "C" NOT NULL,
    CONSTRAINT provesi_audit_subjects_pkey PRIMARY KEY (sequence, subject)
);

CREATE INDEX provesi_audit_subjects_subject ON provesi_audit_subjects (subject, at, sequence);

-- Where the chain goes on, also where somebody cut off its tail. Who appends holds the row.
CREATE TABLE provesi_audit_head (
    one      boolean NOT NULL DEFAULT true CHECK (one),
    sequence bigint  NOT NULL,
    hash     bytea   NOT NULL CHECK (length(hash) = 32),
    CONSTRAINT provesi_audit_head_pkey PRIMARY KEY (one)
);

INSERT INTO provesi_audit_head (sequence, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
