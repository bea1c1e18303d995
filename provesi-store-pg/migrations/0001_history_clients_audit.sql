-- Columns ending in `_folded`, `_search`, `_digits` and `_key` are computed by the program and are for comparing only.

-- Its sequence must not hand ids out in blocks (CACHE 1), see events.rs.
CREATE TABLE provesi_order_events (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME provesi_order_events_id_seq CACHE 1),
    order_id     bigint      NOT NULL,
    order_number text        NOT NULL,
    at           timestamptz NOT NULL,
    actor        text        NOT NULL,
    address      text,
    detail       jsonb       NOT NULL,
    CONSTRAINT provesi_order_events_pkey PRIMARY KEY (id)
);

CREATE INDEX provesi_order_events_order ON provesi_order_events (order_id, id);
CREATE INDEX provesi_order_events_number ON provesi_order_events (lower(order_number COLLATE "C"), id);

CREATE TABLE provesi_clients (
    id           text        COLLATE "C" NOT NULL CHECK (length(id) = 24),
    name         text        NOT NULL,
    name_key     bytea       NOT NULL,
    name_search  text        COLLATE "C" NOT NULL,
    email        text        NOT NULL,
    email_folded text        COLLATE "C" NOT NULL,
    email_search text        COLLATE "C" NOT NULL,
    phone        text,
    phone_digits text        COLLATE "C" CHECK ((phone_digits IS NULL) = (phone IS NULL)),
    address      text,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT provesi_clients_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX provesi_clients_email ON provesi_clients (email_folded);
CREATE INDEX provesi_clients_name ON provesi_clients (name_key, id);

CREATE TABLE provesi_audit (
    id         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    actor      text        NOT NULL,
    address    text,
    request_id text,
    action     text        NOT NULL,
    outcome    text        NOT NULL,
    fields     text[]      NOT NULL,
    CONSTRAINT provesi_audit_pkey PRIMARY KEY (id)
);

CREATE INDEX provesi_audit_at ON provesi_audit (at);

-- `client:ID` and `order:NUMBER`; numbers are the same in any letter case.
CREATE TABLE provesi_audit_subjects (
    audit_id bigint NOT NULL REFERENCES provesi_audit (id),
    subject  text   NOT NULL,
    CONSTRAINT provesi_audit_subjects_pkey PRIMARY KEY (audit_id, subject)
);

CREATE INDEX provesi_audit_subjects_subject ON provesi_audit_subjects (lower(subject COLLATE "C"), audit_id);
