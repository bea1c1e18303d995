-- Instants are whole microseconds since 1970-01-01T00:00:00Z, as in `updated_at`, which is also the version.
-- Columns ending in `_folded`, `_search`, `_digits` and `_key` are computed by the program and are for comparing only.

CREATE TABLE clients (
    seq          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL CHECK (length(id) = 24),
    name         TEXT    NOT NULL,
    name_key     BLOB    NOT NULL,
    name_search  TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    email_folded TEXT    NOT NULL,
    email_search TEXT    NOT NULL,
    phone        TEXT,
    phone_digits TEXT    CHECK ((phone_digits IS NULL) = (phone IS NULL)),
    address      TEXT,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX clients_id ON clients (id);
CREATE UNIQUE INDEX clients_email ON clients (email_folded);
-- Holds all that a search looks at, so that walking it by name reads the table for what matches only.
CREATE INDEX clients_name ON clients (name_key, id, name_search, email_search, phone_digits);

-- No foreign key to clients: an order whose client is gone stays readable, and the clients may be elsewhere.
-- `returned_key` sorts orders without a return before all others, and lets a cursor compare without NULL.
CREATE TABLE orders (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    order_number  TEXT    NOT NULL,
    number_folded TEXT    NOT NULL,
    client_id     TEXT    CHECK (length(client_id) = 24),
    status        TEXT    NOT NULL CHECK (status IN
        ('received', 'picking', 'packing', 'shipped', 'delivered', 'returned', 'cancelled')),
    return_reason TEXT,
    returned_at   INTEGER,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    returned_key  INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(returned_at, -4611686018427387904)) VIRTUAL,
    CHECK ((return_reason IS NULL) = (returned_at IS NULL)),
    CHECK (return_reason IS NULL OR status = 'returned')
) STRICT;

CREATE UNIQUE INDEX orders_number ON orders (number_folded);
CREATE INDEX orders_updated ON orders (updated_at);
CREATE INDEX orders_created ON orders (created_at);
CREATE INDEX orders_status_updated ON orders (status, updated_at);
CREATE INDEX orders_status_created ON orders (status, created_at);
CREATE INDEX orders_status_returned ON orders (status, returned_key, updated_at);
CREATE INDEX orders_status_number ON orders (status, number_folded);
CREATE INDEX orders_client_updated ON orders (client_id, updated_at) WHERE client_id IS NOT NULL;

-- Which orders have three characters in a row somewhere in their number. Without places and sizes: it only narrows
-- down where to look, and `instr` decides.
CREATE VIRTUAL TABLE orders_trigrams USING fts5 (
    number_folded, content = 'orders', content_rowid = 'id', detail = 'none', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER orders_trigrams_insert AFTER INSERT ON orders BEGIN
    INSERT INTO orders_trigrams (rowid, number_folded) VALUES (new.id, new.number_folded);
END;

CREATE TRIGGER orders_trigrams_delete AFTER DELETE ON orders BEGIN
    INSERT INTO orders_trigrams (orders_trigrams, rowid, number_folded) VALUES ('delete', old.id, old.number_folded);
END;

CREATE TRIGGER orders_trigrams_update AFTER UPDATE OF number_folded ON orders
WHEN old.number_folded <> new.number_folded BEGIN
    INSERT INTO orders_trigrams (orders_trigrams, rowid, number_folded) VALUES ('delete', old.id, old.number_folded);
    INSERT INTO orders_trigrams (rowid, number_folded) VALUES (new.id, new.number_folded);
END;

-- `number_released` is the folded number that the order gave up with this event (deleted or renumbered): it finds who
-- had a number last, without an index over the numbers of all events.
CREATE TABLE order_events (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id        INTEGER NOT NULL,
    order_number    TEXT    NOT NULL,
    number_released TEXT,
    at              INTEGER NOT NULL,
    actor           TEXT    NOT NULL,
    address         TEXT,
    detail          TEXT    NOT NULL,
    type            TEXT    GENERATED ALWAYS AS (detail ->> 'type') VIRTUAL
) STRICT;

CREATE INDEX order_events_order ON order_events (order_id);
CREATE INDEX order_events_released ON order_events (number_released) WHERE number_released IS NOT NULL;

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    address    TEXT,
    request_id TEXT,
    action     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    fields     TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_at ON audit (at);

-- `client:ID` and `order:NUMBER`; numbers are the same in any letter case.
CREATE TABLE audit_subjects (
    subject  TEXT    NOT NULL COLLATE NOCASE,
    audit_id INTEGER NOT NULL REFERENCES audit (id),
    PRIMARY KEY (subject, audit_id)
) STRICT, WITHOUT ROWID;
