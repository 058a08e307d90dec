-- The functions of Metadb 1.4 in schema public, for every user. One of the same
-- name that is somebody else's stays as it is.
DO $install$
DECLARE
    f record;
    owner oid;
BEGIN
    FOR f IN SELECT * FROM (VALUES
        ('mdbversion()', $$() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
            AS 'SELECT ''Metadb '' || coalesce(version, ''(never started)'') FROM metadb.server'$$),
        -- With the reader's own rights: the log is for those who were granted it.
        ('mdblog(interval)', $$(v interval DEFAULT '24:00:00') RETURNS TABLE (log_time timestamptz(3), error_severity text, message text)
            LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
            AS 'SELECT log_time, error_severity, message FROM metadb.log WHERE log_time >= now() - v ORDER BY log_time'$$),
        ('mdbusers()', $$() RETURNS TABLE (username text) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
            AS 'SELECT username FROM metadb.auth ORDER BY username'$$),
        -- With the caller's own rights: what others run is for members of pg_read_all_stats.
        ('ps()', $$() RETURNS TABLE (dbname text, username text, state text, realtime text, query text)
            LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
            AS 'SELECT datname::text, usename::text, state, to_char(now() - query_start, ''HH24:MI:SS''), query
                FROM pg_stat_activity WHERE leader_pid IS NULL AND pid <> pg_backend_pid() AND state <> ''idle''
                ORDER BY query_start'$$)
    ) v (signature, definition) LOOP
        owner := (SELECT proowner FROM pg_proc WHERE oid = to_regprocedure('public.' || f.signature));
        IF to_regnamespace('public') IS NULL OR owner <> current_user::regrole
           OR owner IS NULL AND NOT has_schema_privilege('public', 'CREATE') THEN
            RAISE NOTICE 'function public.% is not installed', f.signature;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE OR REPLACE FUNCTION public.%s%s', split_part(f.signature, '(', 1), f.definition);
        EXCEPTION WHEN invalid_function_definition THEN -- ours by name only
            RAISE NOTICE 'function public.% is not installed: %', f.signature, SQLERRM;
        END;
    END LOOP;
END $install$;
