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

-- Locks an entry until the end of the transaction, and says why a write must not be made: the kind of the entry, if it is not as
-- the write requires; `locked`, if another transaction is changing it and `waits` is false; NULL if nothing is in the way.
-- A write that changes the entry (`writes`) requires its value as it was read, `before` (NULL: there was none), and locks it
-- alone; another one requires that it exists or does not (`must_exist`), and shares the lock.
--
-- The look comes after the lock: a volatile function sees in each of its statements what was committed before that statement,
-- so also what was committed while it waited for the lock. The statement that calls it does not: it has its snapshot before its
-- locks. At a higher isolation level this function would not either, so it refuses to run there.
CREATE FUNCTION provesi_refusal(
    entry_kind text, entry_name text, writes boolean, before text, must_exist boolean, waits boolean, lock_timeout text
)
RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    lock   bigint := hashtextextended(entry_kind || ':' || entry_name, 1347571542);
    stored text;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'this write needs a transaction at the isolation level read committed'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF lock_timeout IS NOT NULL THEN
        PERFORM set_config('lock_timeout', lock_timeout, true);
    END IF;
    IF waits AND writes THEN
        PERFORM pg_advisory_xact_lock(lock);
    ELSIF waits THEN
        PERFORM pg_advisory_xact_lock_shared(lock);
    ELSIF NOT (CASE WHEN writes THEN pg_try_advisory_xact_lock(lock)
               ELSE pg_try_advisory_xact_lock_shared(lock) END) THEN
        RETURN 'locked';
    END IF;
    stored := (SELECT value FROM provesi_entries WHERE kind = entry_kind AND name = entry_name);
    IF (CASE WHEN writes THEN stored IS DISTINCT FROM before ELSE (stored IS NOT NULL) <> must_exist END) THEN
        RETURN entry_kind;
    END IF;
    RETURN NULL;
END
$$;
