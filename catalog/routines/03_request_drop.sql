-- The half of DROP DATA SOURCE that is for its tables: they are dropped after the
-- commit, one by one, so that the locks of none wait for those of another.
CREATE OR REPLACE PROCEDURE metadb.request_drop(source text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad record;
    request bigint;
BEGIN
    SELECT table_name, other INTO bad FROM metadb.shared_tables(source) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'cannot drop table %, which has rows of data source "%" too', bad.table_name, bad.other
            USING ERRCODE = '55006', HINT = 'Use KEEP TABLES.';
    END IF;
    SELECT count(*) AS n, min(table_name) AS example,
           string_agg(object || ' depends on table ' || table_name, E'\n' ORDER BY table_name, object) FILTER (WHERE place <= 20) AS list
    INTO bad FROM (SELECT *, row_number() OVER () AS place FROM metadb.dependent_objects(source)) o;
    IF bad.n > 0 THEN
        RAISE EXCEPTION 'cannot drop the tables of data source "%" because other objects depend on them', source
            USING ERRCODE = '2BP01', DETAIL = bad.list || CASE WHEN bad.n > 20 THEN format(E'\nand %s more', bad.n - 20) ELSE '' END,
            HINT = 'Drop these objects first, or use KEEP TABLES.';
    END IF;
    INSERT INTO metadb.request AS r (kind, source) VALUES ('drop_tables', request_drop.source) RETURNING id INTO request;
    RAISE NOTICE 'request % is waiting; tables to drop: %', request, (SELECT count(*) FROM metadb.source_tables(source))
        USING HINT = 'LIST requests shows what has come of it.';
END $$;
