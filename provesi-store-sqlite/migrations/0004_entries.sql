-- Small records of the application's own: clients that are being deleted or were, answers that idempotency keys stand for,
-- the store of clients that belongs to this one, how far readers of the feed have come. `due_at` is when
-- somebody has to look at it again; `order_id` is the order that the write concerned.
CREATE TABLE entries (
    kind     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    value    TEXT    NOT NULL,
    due_at   INTEGER,
    order_id INTEGER,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX entries_due ON entries (kind, due_at, name) WHERE due_at IS NOT NULL;

-- The id of this store.
INSERT INTO entries (kind, name, value) VALUES ('store', 'id', lower(hex(randomblob(16))));
