-- SYNC DATA SOURCE: asks the source's worker to begin a new generation. tables:
-- schemas and names alternately; NULL: all tables. snapshot: also to ask the source's
-- connector for a new snapshot, after that.
DROP PROCEDURE IF EXISTS metadb.sync_data_source(text, text[]);
CREATE OR REPLACE PROCEDURE metadb.sync_data_source(source text, tables text[] DEFAULT NULL, snapshot boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    s metadb.source%ROWTYPE;
    arguments jsonb := jsonb_strip_nulls(jsonb_build_object(
        'tables', to_jsonb(CASE WHEN tables IS NOT NULL THEN metadb.source_tables(source, tables) END)));
    request bigint;
    keyless text;
BEGIN
    UPDATE metadb.source x SET sync = 2 WHERE x.name = sync_data_source.source RETURNING * INTO s;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" does not exist', source USING ERRCODE = '42704';
    ELSIF EXISTS (SELECT FROM metadb.request r WHERE r.source = sync_data_source.source AND r.kind = 'endsync' AND r.finished_at IS NULL) THEN
        RAISE EXCEPTION 'an endsync of data source "%" is under way', source USING ERRCODE = '55006',
            HINT = 'LIST requests shows it.';
    ELSIF snapshot AND (coalesce(s.signal_topic, '') = '' OR coalesce(s.topic_prefix, '') = '') THEN
        RAISE EXCEPTION 'the options signal_topic and topic_prefix of data source "%" are not set', source USING ERRCODE = '55000',
            HINT = 'They are signal.kafka.topic and topic.prefix of the connector, by which it is asked for a snapshot.';
    END IF;
    IF snapshot THEN
        UPDATE metadb.request r SET state = 'failed', detail = 'another snapshot is asked for', finished_at = now()
        WHERE r.source = sync_data_source.source AND r.kind = 'signal' AND r.state = 'waiting';
        INSERT INTO metadb.request (kind, source, arguments) VALUES ('signal', sync_data_source.source, arguments);
        SELECT string_agg(format('%I.%I', t.schema_name, t.table_name), ', ' ORDER BY t.schema_name, t.table_name) INTO keyless
        FROM metadb.source_tables(sync_data_source.source) t JOIN metadb.data_table d USING (id)
        WHERE d.key_columns = '{}' AND (NOT arguments ? 'tables' OR arguments -> 'tables' @> to_jsonb(t.id));
        IF keyless IS NOT NULL THEN
            RAISE WARNING 'connectors leave tables without a key out of such a snapshot: %', keyless
                USING HINT = 'None of their records will be confirmed. End the synchronization by ENDSYNC … TABLE with the others, then CANCEL SYNC.';
        END IF;
    END IF;
    INSERT INTO metadb.request AS r (kind, source, arguments) VALUES ('sync', sync_data_source.source, arguments)
    RETURNING r.id INTO request;
    RAISE NOTICE 'request % is waiting%', request, CASE WHEN s.enable THEN '' ELSE ' until the data source is enabled' END
        USING HINT = 'LIST sync_status shows how far it is.';
    CALL metadb.touch();
END $$;

-- SYNC DATA SOURCE … WAIT: the same, and waits until the generation has begun or,
-- with complete, until its snapshot is complete.
CREATE OR REPLACE PROCEDURE metadb.sync_data_source_and_wait(source text, tables text[], snapshot boolean, complete boolean)
LANGUAGE plpgsql
AS $$
BEGIN
    COMMIT; -- fails in a transaction, before anything is asked for
    CALL metadb.sync_data_source(source, tables, snapshot);
    CALL metadb.wait_for_request(metadb.own_request(), complete);
END $$;
