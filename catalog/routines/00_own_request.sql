-- The request that this session has made last.
CREATE OR REPLACE FUNCTION metadb.own_request() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT currval(pg_get_serial_sequence('metadb.request', 'id'))
$$;
