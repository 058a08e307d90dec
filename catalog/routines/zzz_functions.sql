-- Each procedure that the admin role may call is also a function, metadb.do_ and its
-- name, for programs from which nothing but SELECT comes through. (PostgreSQL has one
-- name space for both.) It gives the statement's name. What waits ends transactions,
-- which a function cannot.
DO $install$
DECLARE
    p record;
    f record;
BEGIN
    FOR p IN SELECT oid, proname, 'do_' || proname AS name, proargtypes::oid[] AS types, prosecdef,
                    regexp_replace(pg_get_function_arguments(oid), '(^|, )IN ', '\1', 'g') AS declared,
                    CASE proname WHEN 'enable_data_source' THEN 'ALTER DATA SOURCE' WHEN 'cancel_sync' THEN 'CANCEL SYNC DATA SOURCE'
                        ELSE upper(replace(proname, '_', ' ')) END AS statement
             FROM pg_proc
             WHERE pronamespace = 'metadb'::regnamespace AND prokind = 'p' AND proname !~ '(^wait_for_|_and_wait$)'
               AND has_function_privilege('metadb_admin', oid, 'EXECUTE') LOOP
        -- That of an earlier version, with other arguments, would be a second one.
        FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'metadb'::regnamespace AND proname = p.name
                 AND pg_get_function_arguments(oid) <> p.declared LOOP
            EXECUTE format('DROP FUNCTION %s', f.oid::regprocedure);
        END LOOP;
        EXECUTE format(
            $$CREATE OR REPLACE FUNCTION metadb.%I(%s) RETURNS text LANGUAGE plpgsql %s SET search_path = pg_catalog, pg_temp AS %L$$,
            p.name, p.declared, CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END,
            format('BEGIN CALL metadb.%I(%s); PERFORM metadb.note_activity(%L, %L, %s); RETURN %3$L; END',
                p.proname,
                (SELECT string_agg('$' || i, ', ' ORDER BY i) FROM generate_series(1, cardinality(p.types)) i),
                p.statement, p.name,
                (SELECT string_agg(CASE WHEN typcategory = 'A' THEN format('coalesce($%s::text[], ARRAY[NULL])', i)
                                   ELSE format('ARRAY[$%s::text]', i) END, ' || ' ORDER BY i)
                 FROM unnest(p.types) WITH ORDINALITY u (type, i) JOIN pg_type t ON t.oid = u.type)));
        EXECUTE format('REVOKE ALL ON FUNCTION metadb.%I FROM PUBLIC', p.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION metadb.%I TO metadb_admin', p.name);
    END LOOP;
END $install$;
