-- CANCEL SYNC DATA SOURCE: leaves the mode and closes nothing. An endsync that waits
-- is taken back; one at work goes on to its end.
CREATE OR REPLACE PROCEDURE metadb.cancel_sync(source text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    mode smallint;
BEGIN
    SELECT s.sync INTO mode FROM metadb.source s WHERE s.name = cancel_sync.source FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" does not exist', source USING ERRCODE = '42704';
    ELSIF mode = 0 THEN
        RAISE EXCEPTION 'data source "%" is not in sync mode', source USING ERRCODE = '55000';
    END IF;
    -- A worker that takes one up now is waited for: then it is running.
    PERFORM FROM metadb.request r WHERE r.source = cancel_sync.source AND r.kind = 'endsync' AND r.finished_at IS NULL FOR UPDATE;
    IF EXISTS (SELECT FROM metadb.request r WHERE r.source = cancel_sync.source AND r.kind = 'endsync' AND r.state = 'running') THEN
        RAISE EXCEPTION 'an endsync of data source "%" is under way', source USING ERRCODE = '55006',
            HINT = 'LIST requests shows it.';
    END IF;
    UPDATE metadb.request r SET state = 'failed', detail = 'the synchronization was cancelled', finished_at = now()
    WHERE r.source = cancel_sync.source AND r.kind IN ('sync', 'endsync', 'signal') AND r.finished_at IS NULL;
    UPDATE metadb.source s SET sync = 0 WHERE s.name = cancel_sync.source;
    INSERT INTO metadb.request (kind, source) VALUES ('cancel_sync', cancel_sync.source);
    CALL metadb.touch();
END $$;
