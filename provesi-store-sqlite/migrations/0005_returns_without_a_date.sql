-- `returned_key` sorts orders that did not come back before all dates, and returns without a date after them.
-- A new column has SQLite check every row, and those that another program wrote against the rules stay as they are.
PRAGMA ignore_check_constraints = ON;
DROP INDEX orders_status_returned;
ALTER TABLE orders DROP COLUMN returned_key;
ALTER TABLE orders ADD COLUMN returned_key INTEGER NOT NULL GENERATED ALWAYS AS (
    coalesce(returned_at, iif(status = 'returned', 4611686018427387904, -4611686018427387904))
) VIRTUAL;
CREATE INDEX orders_status_returned ON orders (status, returned_key, updated_at);
PRAGMA ignore_check_constraints = OFF;
