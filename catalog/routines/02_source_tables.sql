-- The tables of a data source: those that it feeds, with any origin, or fed last.
-- main is NULL where the table itself is not there.
CREATE OR REPLACE FUNCTION metadb.source_tables(source text)
RETURNS TABLE (id integer, schema_name text, table_name text, main oid)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT d.id, b.schema_name::text, b.table_name::text,
           (SELECT i.inhparent FROM pg_namespace n
            JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = b.table_name AND c.relkind = 'r'
            JOIN pg_inherits i ON i.inhrelid = c.oid JOIN pg_class m ON m.oid = i.inhparent AND m.relkind = 'p'
            WHERE n.nspname = b.schema_name)
    FROM metadb.base_table b LEFT JOIN metadb.data_table d USING (schema_name, table_name)
    WHERE b.source_name = source_tables.source
       OR EXISTS (SELECT FROM metadb.table_owner o WHERE o.table_id = d.id AND o.source = source_tables.source)
    ORDER BY 2, 3;
END;

-- Whether a table has rows of an origin.
CREATE OR REPLACE FUNCTION metadb.has_origin(main oid, origin text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_one boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE __origin = $1)', main::regclass) INTO found_one USING origin;
    RETURN found_one;
END $$;

-- Other sources that have rows in the tables of a source, or may write some.
CREATE OR REPLACE FUNCTION metadb.shared_tables(source text) RETURNS TABLE (table_name text, other text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.schema_name || '.' || t.table_name, b.source_name::text
    FROM metadb.source_tables(shared_tables.source) t JOIN metadb.base_table b USING (schema_name, table_name)
    WHERE b.source_name <> shared_tables.source AND EXISTS (SELECT FROM metadb.source s WHERE s.name = b.source_name)
    UNION
    SELECT t.schema_name || '.' || t.table_name, o.source
    FROM metadb.source_tables(shared_tables.source) t JOIN metadb.table_owner o ON o.table_id = t.id
    WHERE o.source <> shared_tables.source AND CASE
        WHEN EXISTS (SELECT FROM metadb.source s WHERE s.name = o.source) THEN true
        WHEN t.main IS NULL THEN false
        ELSE metadb.has_origin(t.main, o.origin)
    END
    ORDER BY 1, 2;
END;

-- What is not Metadb's and depends on the tables of a source, such as users' views.
CREATE OR REPLACE FUNCTION metadb.dependent_objects(source text) RETURNS TABLE (table_name text, object text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH part AS (
        SELECT t.schema_name || '.' || t.table_name AS name, p.relid
        FROM metadb.source_tables(dependent_objects.source) t CROSS JOIN LATERAL pg_partition_tree(t.main) p WHERE t.main IS NOT NULL
    )
    SELECT DISTINCT p.name, CASE WHEN w.ev_class IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid)
                            ELSE pg_describe_object('pg_class'::regclass, w.ev_class, 0) END
    FROM part p JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = p.relid AND d.deptype = 'n'
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    WHERE NOT EXISTS (SELECT FROM part own WHERE own.relid = coalesce(w.ev_class, d.objid))
    ORDER BY 1, 2;
END;
