-- What a call shows of its arguments: those behind the name of an option or
-- parameter whose value may be a secret are '***', as in statements.
CREATE OR REPLACE FUNCTION metadb.shown_arguments(arguments text[]) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(string_agg(CASE
        WHEN value IS NULL THEN 'NULL'
        WHEN before ~ '^(sasl_(username|password|oauthbearer_)|external_sql)' THEN '''***'''
        ELSE quote_literal(value) END, ', ' ORDER BY place), '')
    FROM (SELECT value, place, lag(value) OVER (ORDER BY place) AS before
          FROM unnest(arguments) WITH ORDINALITY u (value, place)) a
$$;

-- Puts a call that was made as a function into metadb.activity, in its transaction:
-- one that is rolled back is not there. The server sees statements; calls it does not.
CREATE OR REPLACE FUNCTION metadb.note_activity(statement text, routine text, arguments text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO metadb.activity (at, role, address, application, backend_pid, statement, text, outcome, sqlstate)
    VALUES (now(), session_user, coalesce(host(inet_client_addr()), 'local'), current_setting('application_name'), pg_backend_pid(),
        statement, left(format('SELECT metadb.%s(%s)', routine, metadb.shown_arguments(arguments)), 10000), 'committed', '')
$$;
