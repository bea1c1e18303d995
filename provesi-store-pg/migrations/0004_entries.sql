-- Small records of the application's own: clients that are being deleted or were, answers that idempotency keys stand for,
-- the store of clients that belongs to this one, how far readers of the feed have come. `due_at` is when
-- somebody has to look at it again; `order_id` is the order that the write concerned.
CREATE TABLE provesi_entries (
    kind     text        COLLATE "C" NOT NULL,
    name     text        COLLATE "C" NOT NULL,
    value    text        NOT NULL,
    due_at   timestamptz,
    order_id bigint,
    CONSTRAINT provesi_entries_pkey PRIMARY KEY (kind, name)
);

CREATE INDEX provesi_entries_due ON provesi_entries (kind, due_at, name) WHERE due_at IS NOT NULL;

-- The id of this store.
INSERT INTO provesi_entries (kind, name, value) VALUES ('store', 'id', replace(gen_random_uuid()::text, '-', ''));

-- Which writes must not be made, because an entry is not as they require: `n` is the place of the write, `reason` the kind
-- of the entry, or `locked` if another transaction is changing it and `waits` is false.
--
-- `required` is an array of objects: `n`, `kind`, `name`; `writes` if the write changes the entry, `before` its value as it was
-- read (null: there was none); else `exists`, whether there has to be one.
--
-- First the lock of the entry, until the end of the transaction: alone for who changes it, shared for who only requires
-- something of it. Then the look: a volatile function sees in each of its statements what was committed before that
-- statement, so also what was committed while it waited for the lock. The statement that calls it does not: it has its snapshot
-- before its locks. At a higher isolation level this function would not either, so it refuses to run there.
CREATE FUNCTION provesi_refused(required jsonb, waits boolean, lock_timeout text)
RETURNS TABLE (n bigint, reason text)
LANGUAGE plpgsql VOLATILE STRICT AS $$
DECLARE
    entry  record;
    stored text;
    lock   bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'this write needs a transaction at the isolation level read committed'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF lock_timeout <> '' THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    FOR entry IN
        SELECT * FROM jsonb_to_recordset(required)
            AS given (n bigint, kind text, name text, writes boolean, before text, "exists" boolean)
        ORDER BY given.kind COLLATE "C", given.name COLLATE "C", given.n
    LOOP
        n := entry.n;
        lock := hashtextextended(entry.kind || ':' || entry.name, 1347571542);
        reason := 'locked';
        IF waits AND entry.writes THEN
            PERFORM pg_advisory_xact_lock(lock);
        ELSIF waits THEN
            PERFORM pg_advisory_xact_lock_shared(lock);
        ELSIF NOT (CASE WHEN entry.writes THEN pg_try_advisory_xact_lock(lock)
                   ELSE pg_try_advisory_xact_lock_shared(lock) END) THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        stored := (SELECT value FROM provesi_entries WHERE kind = entry.kind AND name = entry.name);
        IF (CASE WHEN entry.writes THEN stored IS DISTINCT FROM entry.before
            ELSE (stored IS NOT NULL) <> entry."exists" END) THEN
            reason := entry.kind;
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
