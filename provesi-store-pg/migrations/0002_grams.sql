-- What a part of a text is looked up by: at each of its characters, that one and the two that follow, fewer at the end.
-- A text has a part of one or two characters where one of its grams starts with it, a longer part only where it has the
-- grams of the part.
--
-- Every writer of `orders_order` runs it, whoever that is and whatever the search path. So it names its schema, needs no
-- operator, is open to all, and fails for no text: a gram is never empty, and a text that is longer than any of ours is
-- cut before it is too long for a tsvector. Its cost says that looking at the grams of all rows is the worst way.
CREATE FUNCTION provesi_grams(text) RETURNS pg_catalog.tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
    SELECT pg_catalog.array_to_tsvector(ARRAY(
        SELECT pg_catalog.substr($1, n, 3)
        FROM pg_catalog.generate_series(1, pg_catalog.length(pg_catalog."left"($1, 10000))) AS n
    ))
$$;

GRANT EXECUTE ON FUNCTION provesi_grams(text) TO PUBLIC;
