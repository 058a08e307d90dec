-- What a wait is for: requests and the catalog's version as they are now.
CREATE OR REPLACE FUNCTION metadb.wait_begin(name text, OUT last_request bigint, OUT seen bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM metadb.source s WHERE s.name = wait_begin.name) THEN
        CALL metadb.no_such_source(name, false);
    END IF;
    SELECT max(r.id) INTO last_request FROM metadb.request r WHERE r.source = wait_begin.name;
    SELECT i.catalog_version INTO seen FROM metadb.instance i;
END $$;

-- Whether that has come to pass: the server has seen the version, and no request
-- is left. It fails on a request that failed since the wait began.
CREATE OR REPLACE FUNCTION metadb.wait_over(name text, last_request bigint, seen bigint, since timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    SELECT q.id, q.detail INTO r FROM metadb.request q
    WHERE q.source = wait_over.name AND q.id <= last_request AND q.state = 'failed' AND q.finished_at >= since LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'request % has failed: %', r.id, r.detail USING ERRCODE = '55000';
    END IF;
    RETURN (SELECT v.catalog_version >= seen FROM metadb.server v) AND NOT EXISTS (
        SELECT FROM metadb.request q
        WHERE q.source = wait_over.name AND q.id <= last_request AND q.state IN ('waiting', 'running'));
END $$;

-- WAIT FOR DATA SOURCE. It commits, so that it sees what others do and holds up
-- nobody; for that it may be neither in a transaction nor SECURITY DEFINER.
CREATE OR REPLACE PROCEDURE metadb.wait_for_data_source(name text, timeout interval DEFAULT NULL)
LANGUAGE plpgsql
AS $$
DECLARE
    since timestamptz := pg_catalog.now();
    last_request bigint;
    seen bigint;
BEGIN
    COMMIT;
    SELECT b.last_request, b.seen INTO last_request, seen FROM metadb.wait_begin(name) b;
    WHILE NOT metadb.wait_over(name, last_request, seen, since) LOOP
        IF pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>) (since OPERATOR(pg_catalog.+) timeout) THEN
            RAISE EXCEPTION 'data source "%" is not ready after %', name, timeout
                USING ERRCODE = '57014', HINT = 'LIST requests shows what is left to do, LIST status why.';
        END IF;
        COMMIT;
        PERFORM pg_catalog.pg_sleep(0.05);
    END LOOP;
END $$;
