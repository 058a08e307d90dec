-- Only the admin role reaches the routines; what it may see is named one by one.
REVOKE ALL ON ALL ROUTINES IN SCHEMA metadb FROM PUBLIC;
GRANT USAGE ON SCHEMA metadb TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.create_data_source(text, text, text[], boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.alter_data_source(text, text[], boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.enable_data_source(text, boolean, boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.drop_data_source(text, boolean, boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.create_data_origin(text, boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.drop_data_origin(text, boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.alter_system_set(text, text) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.replay_dead_letters(text, bigint[]) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.sync_data_source(text, text[], boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.endsync_data_source(text, text[], text[], boolean, numeric) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.sync_data_source_and_wait(text, text[], boolean, boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.endsync_data_source_and_wait(text, text[], text[], boolean) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.wait_for_request(bigint, boolean) TO metadb_admin;
GRANT EXECUTE ON FUNCTION metadb.own_request(), metadb.request_progress(bigint), metadb.snapshot_progress(bigint) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.cancel_sync(text) TO metadb_admin;
GRANT EXECUTE ON PROCEDURE metadb.wait_for_data_source(text, interval) TO metadb_admin;
GRANT EXECUTE ON FUNCTION metadb.wait_begin(text), metadb.wait_over(text, bigint, bigint, timestamptz) TO metadb_admin;
GRANT EXECUTE ON FUNCTION metadb.explain_endsync(text) TO metadb_admin;
GRANT SELECT ON metadb.status, metadb.data_sources, metadb.data_origins, metadb.config, metadb.dead_letters,
    metadb.requests, metadb.sync_status, metadb.table_sources TO metadb_admin;

-- Who only looks: monitoring, and people whose reports say how fresh they are.
DO $$
BEGIN
    IF to_regrole('metadb_monitor') IS NULL THEN
        CREATE ROLE metadb_monitor NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this cluster was quicker
END
$$;
GRANT USAGE ON SCHEMA metadb TO metadb_monitor;
GRANT SELECT ON metadb.status, metadb.table_status, metadb.source_counters, metadb.log, metadb.sync_status TO metadb_monitor;
GRANT SELECT ON metadb.table_status, metadb.source_counters, metadb.log TO metadb_admin;
GRANT SELECT ON metadb.activity TO metadb_admin, metadb_monitor;
