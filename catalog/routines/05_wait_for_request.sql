-- How far a request is, for those who wait for it. step changes when other work
-- begins; says tells it, with numbers. It fails on a request that has failed.
CREATE OR REPLACE FUNCTION metadb.request_progress(request bigint, OUT over boolean, OUT step text, OUT says text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    SELECT q.*, s.enable, t.state AS stream, t.reason, (SELECT v.heartbeat > now() - interval '15 seconds' FROM metadb.server v) AS alive
    INTO r FROM metadb.request q
    LEFT JOIN metadb.source s ON s.name = q.source
    LEFT JOIN metadb.source_status t ON t.source = q.source
    WHERE q.id = request_progress.request;
    over := r.id IS NULL OR r.state IN ('done', 'failed');
    IF r.state = 'failed' THEN
        RAISE EXCEPTION 'request % has failed: %', r.id, r.detail USING ERRCODE = '55000';
    ELSIF NOT over AND r.enable IS NULL THEN
        RAISE EXCEPTION 'data source "%" was dropped', r.source USING ERRCODE = '42704';
    END IF;
    step := CASE
        WHEN over THEN 'done'
        WHEN r.state = 'running' THEN r.detail
        WHEN NOT r.enable THEN 'waiting until the data source is enabled'
        WHEN r.alive IS NOT TRUE THEN 'waiting for the server'
        WHEN r.stream = 'error' THEN 'waiting: ' || coalesce(r.reason, '')
        ELSE 'waiting' END;
    says := step;
    IF NOT over AND r.state = 'running' AND r.kind = 'endsync' THEN
        SELECT step || format(': %s of %s records', sum(c.closed), sum(c.to_close)) INTO says
        FROM metadb.sync_counts c WHERE c.source = r.source HAVING sum(c.to_close) > 0 AND step LIKE 'finalizing%';
        says := coalesce(says, step || CASE WHEN r.total > 0 THEN format(' (%s of %s)', r.done + 1, r.total) ELSE '' END);
    END IF;
END $$;

-- How far the snapshot of a source is, in the same way; over when it is complete, or
-- the source has left the synchronization that began with the request.
CREATE OR REPLACE FUNCTION metadb.snapshot_progress(request bigint, OUT over boolean, OUT step text, OUT says text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    y record;
    of_source text := (SELECT q.source FROM metadb.request q WHERE q.id = snapshot_progress.request);
BEGIN
    IF EXISTS (SELECT FROM metadb.request q WHERE q.source = of_source AND q.id > request AND q.kind IN ('sync', 'cancel_sync')) THEN
        RAISE EXCEPTION 'the synchronization was replaced or cancelled' USING ERRCODE = '55000';
    END IF;
    SELECT o.state, o.complete_at, sum(c.snapshot_rows)::bigint AS rows, sum(c.rows_per_second) AS rate, max(c.eta) AS eta INTO y
    FROM metadb.sync_overview o LEFT JOIN metadb.sync_status c ON c.source = o.source
    WHERE o.source = of_source GROUP BY o.state, o.complete_at;
    over := NOT FOUND OR y.complete_at IS NOT NULL OR y.state IN ('complete', 'ending');
    step := coalesce(y.state, 'complete');
    says := step || CASE WHEN y.rows > 0 THEN format(': %s rows', y.rows) ELSE '' END
        || coalesce(format(', %s rows/s', y.rate), '') || coalesce(format(', about %s left', y.eta), '');
END $$;

-- Waits for a request, and with snapshot for the end of the snapshot that it began.
-- Progress is sent as notices: what begins, and how far it is every five seconds.
-- The caller has committed the request; nothing is held while it waits, so that it
-- may be cancelled at any time. For that it is neither SECURITY DEFINER nor does it
-- set a search path.
CREATE OR REPLACE PROCEDURE metadb.wait_for_request(request bigint, snapshot boolean)
LANGUAGE plpgsql
AS $$
DECLARE
    begun boolean := false; -- the request is done, the snapshot is waited for
    p record;
    step text := '';
    said timestamptz;
BEGIN
    LOOP
        COMMIT;
        IF begun THEN
            SELECT * INTO p FROM metadb.snapshot_progress(request);
        ELSE
            SELECT * INTO p FROM metadb.request_progress(request);
        END IF;
        IF p.over AND (begun OR NOT snapshot) THEN
            RETURN;
        ELSIF p.over THEN
            begun := true;
            CONTINUE;
        ELSIF p.step OPERATOR(pg_catalog.<>) step
              OR said OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '5 seconds'::pg_catalog.interval) THEN
            RAISE NOTICE '%', p.says;
            step := p.step;
            said := pg_catalog.clock_timestamp();
        END IF;
        PERFORM pg_catalog.pg_sleep(0.1);
    END LOOP;
END $$;
