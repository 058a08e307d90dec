-- What synchronizing sources have confirmed: used by the statements, the views and
-- the worker alike.

-- The marks that count: those of present attempts, and those of earlier ones that
-- follow the present one in the source (lsn, ts_ms: from which position or time on).
-- Where the source was restored, an earlier attempt's positions mean nothing.
DROP FUNCTION IF EXISTS metadb.sync_numbers(text);
CREATE OR REPLACE FUNCTION metadb.sync_numbers(source text) RETURNS TABLE (number integer, lsn bigint, ts_ms bigint)
LANGUAGE sql STABLE
AS $$
    SELECT a.number, CASE WHEN a.current THEN NULL WHEN a.lsn > c.lsn THEN 9223372036854775807 ELSE c.lsn END, c.ts_ms
    FROM metadb.source_sync y
    JOIN metadb.sync_attempt a ON a.source = y.source AND a.generation = y.generation
    LEFT JOIN metadb.sync_attempt c ON c.source = a.source AND c.generation = a.generation
        AND c.connector = a.connector AND c.current AND NOT a.current
    WHERE y.source = $1 AND (a.current OR c.lsn IS NOT NULL)
$$;

-- Whether a mark counts: lsn is its own, below zero the time in ms that it has instead;
-- the rest is of its attempt's number. Without SET, so that it is part of its caller's
-- plan.
CREATE OR REPLACE FUNCTION metadb.mark_counts(lsn bigint, since bigint, since_ms bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT since IS NULL OR lsn >= since OR -lsn >= since_ms
$$;

-- The marks that count of a table, of those of snapshots, which are stored by the batch.
CREATE OR REPLACE FUNCTION metadb.batch_marks(source text, table_id integer) RETURNS TABLE (id bigint)
LANGUAGE sql STABLE
AS $$
    SELECT unnest(b.ids) FROM metadb.sync_mark_batch b JOIN metadb.sync_numbers($1) v ON v.number = b.number
    WHERE b.table_id = $2 AND v.lsn IS NULL
$$;

-- FROM and WHERE of the current rows c of a table that the source feeds.
CREATE OR REPLACE FUNCTION metadb.current_sql(source text, table_id integer) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('FROM %I.%I c WHERE c.__origin = ANY (%L::text[])', d.schema_name, d.table_name,
        (SELECT coalesce(array_agg(o.origin), '{}') FROM metadb.table_owner o WHERE o.table_id = d.id AND o.source = $1))
    FROM metadb.data_table d WHERE d.id = $2
$$;

-- FROM and WHERE of those of them that the source's synchronization has not confirmed.
CREATE OR REPLACE FUNCTION metadb.unconfirmed_sql(source text, table_id integer) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT metadb.current_sql($1, $2)
        || CASE WHEN (SELECT s.sync FROM metadb.source s WHERE s.name = $1) = 1 THEN
            -- Only what an attempt has left that was broken off: marks began with the next one.
            format(' AND c.__start < (SELECT to_timestamp(min(a.ts_ms) / 1000.0) FROM metadb.sync_attempt a
                WHERE a.source = %L AND a.current AND a.lsn IS NOT NULL)', $1) ELSE '' END
        || format('
        AND NOT EXISTS (SELECT FROM metadb.sync_mark m JOIN metadb.sync_numbers(%1$L) v ON v.number = m.number
                        WHERE m.table_id = %2$s AND m.id = c.__id AND metadb.mark_counts(m.lsn, v.lsn, v.ts_ms))
        AND NOT EXISTS (SELECT FROM metadb.batch_marks(%1$L, %2$s) m WHERE m.id = c.__id)
        AND NOT EXISTS (SELECT FROM metadb.sync_mark_late l JOIN metadb.sync_numbers(%1$L) v ON v.number = l.number
                        WHERE l.table_id = %2$s AND l.id = c.__id AND metadb.mark_counts(l.lsn, v.lsn, v.ts_ms))', $1, $2)
$$;

-- The tables of synchronizing sources with the numbers that are known. Those of a
-- table that was not counted yet are PostgreSQL's estimate, all unconfirmed.
CREATE OR REPLACE VIEW metadb.sync_counts AS
SELECT y.source, d.id AS table_id, d.schema_name, d.table_name, coalesce(t.ended, false) AS ended,
       CASE WHEN a.number IS NOT NULL THEN t.snapshot_rows ELSE 0 END AS snapshot_rows,
       CASE WHEN a.number IS NOT NULL THEN t.confirmed ELSE 0 END AS marks,
       t.to_close, coalesce(t.closed, 0) AS closed, t.unconfirmed_base IS NOT NULL AS counted,
       n.current_rows,
       CASE WHEN t.unconfirmed_base IS NULL THEN n.current_rows
            ELSE least(greatest(t.unconfirmed_base + t.unconfirmed_change, 0), n.current_rows) END AS unconfirmed
FROM metadb.source_sync y
JOIN metadb.source s ON s.name = y.source
JOIN (SELECT DISTINCT o.source, o.table_id FROM metadb.table_owner o) o ON o.source = y.source
JOIN metadb.data_table d ON d.id = o.table_id
JOIN metadb.base_table b ON b.schema_name = d.schema_name AND b.table_name = d.table_name AND NOT b.transformed
JOIN pg_catalog.pg_namespace ns ON ns.nspname = d.schema_name
JOIN pg_catalog.pg_class c ON c.relnamespace = ns.oid AND c.relname = d.table_name
LEFT JOIN metadb.sync_table t ON t.source = y.source AND t.table_id = d.id
LEFT JOIN metadb.sync_attempt a ON a.number = t.number AND a.current
CROSS JOIN LATERAL (
    SELECT greatest(coalesce(t.current_base + t.current_change, nullif(pg_stat_get_live_tuples(c.oid), 0), c.reltuples::bigint, 0), 0)
           AS current_rows) n
WHERE s.sync <> 0 AND (y.tables IS NULL OR d.id = ANY (y.tables));

-- Whether an endsync of these tables (NULL: all) may go on: no row if so; else the
-- tables for which it may not, and the whole source (without a name). Forced tables
-- are not looked at. Up to most percent of a table, and of the source, may be closed.
DROP FUNCTION IF EXISTS metadb.endsync_guard(text, integer[], integer[]);
CREATE OR REPLACE FUNCTION metadb.endsync_guard(source text, tables integer[], forced integer[], most numeric)
RETURNS TABLE (name text, current_rows bigint, to_close bigint, absent boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH looked_at AS (
        SELECT c.* FROM metadb.sync_counts c
        WHERE c.source = $1 AND NOT c.ended AND ($2 IS NULL OR c.table_id = ANY ($2)) AND NOT c.table_id = ANY (coalesce($3, '{}'))
    )
    (SELECT format('%I.%I', schema_name, table_name), current_rows, unconfirmed, snapshot_rows = 0
     FROM looked_at
     WHERE unconfirmed > 0 AND (snapshot_rows = 0 OR unconfirmed > 100 AND unconfirmed > 0.2 * current_rows)
     AND 100 * unconfirmed > coalesce($4, 0) * current_rows
     ORDER BY schema_name, table_name)
    UNION ALL
    SELECT NULL, sum(current_rows)::bigint, sum(unconfirmed)::bigint, false
    FROM looked_at HAVING sum(unconfirmed) > 0.2 * sum(current_rows) AND 100 * sum(unconfirmed) > coalesce($4, 0) * sum(current_rows)
$$;

-- What the guard says, for an error's detail; NULL if it lets the endsync pass.
DROP FUNCTION IF EXISTS metadb.endsync_refusal(text, integer[], integer[]);
CREATE OR REPLACE FUNCTION metadb.endsync_refusal(source text, tables integer[], forced integer[], most numeric) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('%s: %s of %s current records (%s%%)%s', coalesce('table ' || g.name, 'the data source'),
               g.to_close, g.current_rows, round(100.0 * g.to_close / g.current_rows), CASE WHEN g.absent THEN ', not in the snapshot' ELSE '' END),
               '; ' ORDER BY g.name)
    FROM metadb.endsync_guard($1, $2, $3, $4) g WHERE g.current_rows > 0
$$;

-- Numbers of tables by name, schemas and tables alternately; fails on one that the
-- source does not feed.
CREATE OR REPLACE FUNCTION metadb.source_tables(source text, names text[]) RETURNS integer[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ids integer[] := '{}';
    id integer;
BEGIN
    FOR i IN 1 .. coalesce(array_length(names, 1), 0) BY 2 LOOP
        SELECT d.id INTO id FROM metadb.data_table d JOIN metadb.table_owner o ON o.table_id = d.id AND o.source = source_tables.source
        WHERE d.schema_name = names[i] AND d.table_name = names[i + 1] LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'table "%.%" is not fed by data source "%"', names[i], names[i + 1], source USING ERRCODE = '42P01',
                HINT = 'The names of tables are those of the warehouse, without "__".';
        END IF;
        ids := ids || id;
    END LOOP;
    RETURN ids;
END $$;
