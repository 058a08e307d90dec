-- LIST x is SELECT * FROM metadb.x: the columns of 1.4 first, then ours.
CREATE OR REPLACE VIEW metadb.status AS
SELECT 'data_source'::text AS type,
       s.name,
       CASE WHEN NOT alive OR NOT s.enable THEN 'inactive' ELSE coalesce(nullif(t.state, 'inactive'), 'waiting') END AS source_stream,
       CASE WHEN s.sync = 0 THEN 'normal' WHEN y.complete_at IS NOT NULL THEN 'snapshot_complete' ELSE 'snapshot' END AS source_sync,
       CASE
           WHEN NOT s.enable THEN 'disabled'
           WHEN NOT alive THEN 'the server is not running'
           WHEN coalesce(t.reason, '') <> '' AND t.state <> 'inactive' THEN t.reason
           WHEN g.reason IS NOT NULL THEN g.reason
           ELSE ''
       END AS reason,
       coalesce(t.events, 0) AS events,
       round(coalesce(t.rate, 0)::numeric, 1) AS events_per_second,
       t.lag,
       t.last_event,
       (SELECT count(*) FROM metadb.dead_letter d WHERE d.source = s.name) AS dead_letters,
       g.reason IS NOT NULL AS unsynchronized,
       CASE
           WHEN t.lag = 0 THEN 0.0
           WHEN t.lag > 0 THEN round(greatest(extract(epoch FROM now() - t.lag_since), 0), 1)
       END AS lag_seconds,
       CASE WHEN alive AND s.enable THEN coalesce(t.partitions, 0) ELSE 0 END AS partitions,
       coalesce(t.last_error, '') AS last_error,
       t.last_error_at,
       coalesce(t.tombstones + t.ignored + t.filtered + t.repeated, 0) AS skipped,
       coalesce(t.repaired + t.nulled, 0) AS repaired,
       CASE WHEN s.sync <> 0 THEN y.state END AS sync_state,
       CASE WHEN s.sync = 2 THEN y.confirmed END AS confirmed,
       CASE WHEN s.sync = 2 THEN y.unconfirmed END AS unconfirmed
FROM metadb.source s
CROSS JOIN LATERAL (SELECT coalesce((SELECT heartbeat FROM metadb.server) > now() - interval '15 seconds', false) AS alive) i
LEFT JOIN metadb.source_status t ON t.source = s.name
LEFT JOIN metadb.sync_overview y ON y.source = s.name
LEFT JOIN LATERAL (
    SELECT CASE
        WHEN p.kind <> 'dead_letter' THEN
            format('events are missing since %s (%s in topic "%s", partition %s: %s to %s); resynchronize the source',
                   date_trunc('second', p.found_at), p.kind, p.topic, p.partition, p.expected, p.available)
        WHEN EXISTS (SELECT FROM metadb.dead_letter d WHERE d.id = p.letter) THEN
            format('%s is set aside as dead letter %s (topic "%s", partition %s, offset %s); replay it, or resynchronize the source',
                   p.detail, p.letter, p.topic, p.partition, p.expected)
        ELSE
            format('%s is missing: dead letter %s was removed without being applied (topic "%s", partition %s, offset %s); resynchronize the source',
                   p.detail, p.letter, p.topic, p.partition, p.expected)
        END AS reason
    FROM metadb.source_gap p WHERE p.source = s.name AND p.cleared_at IS NULL
    ORDER BY p.kind = 'dead_letter', p.id LIMIT 1
) g ON true
ORDER BY s.name;

-- One row for each table. Numbers of rows are PostgreSQL's estimates; freshness is
-- the age of the oldest change that may be missing, so that a report can say how old
-- it is.
CREATE OR REPLACE VIEW metadb.table_status AS
SELECT b.schema_name::text,
       b.table_name::text,
       b.source_name::text AS source,
       CASE
           WHEN s.name IS NULL THEN 'no source'
           WHEN NOT s.enable OR NOT v.alive THEN 'inactive'
           WHEN t.state IS DISTINCT FROM 'active' THEN coalesce(nullif(t.state, 'inactive'), 'waiting')
           WHEN t.lag > 0 THEN 'behind'
           ELSE 'current'
       END AS state,
       CASE
           WHEN s.name IS NULL THEN NULL
           WHEN t.lag > 0 THEN greatest(now() - t.lag_since, interval '0')
           WHEN s.enable AND v.alive AND t.state = 'active' AND t.lag = 0 THEN interval '0'
           ELSE now() - t.caught_up
       END AS freshness,
       a.last_change,
       a.last_applied,
       coalesce(a.events, 0) AS events,
       coalesce(estimate.current_rows, 0) AS rows_estimate,
       coalesce(estimate.history_rows, 0) AS history_rows_estimate
FROM metadb.base_table b
JOIN metadb.data_table d ON d.schema_name = b.schema_name AND d.table_name = b.table_name
JOIN pg_catalog.pg_namespace n ON n.nspname = b.schema_name
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = b.table_name
LEFT JOIN metadb.source s ON s.name = b.source_name
LEFT JOIN metadb.source_status t ON t.source = b.source_name
LEFT JOIN metadb.table_activity a ON a.schema_name = b.schema_name AND a.table_name = b.table_name
CROSS JOIN LATERAL (SELECT coalesce((SELECT heartbeat FROM metadb.server) > now() - interval '15 seconds', false) AS alive) v
CROSS JOIN LATERAL (
    SELECT coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), greatest(c.reltuples, 0))::bigint AS current_rows,
           (SELECT sum(coalesce(nullif(pg_stat_get_live_tuples(p.oid), 0), greatest(p.reltuples, 0)))::bigint
            FROM pg_catalog.pg_class h
            JOIN pg_catalog.pg_inherits i ON i.inhparent = h.oid
            JOIN pg_catalog.pg_class p ON p.oid = i.inhrelid
            WHERE h.relnamespace = n.oid AND h.relname = d.history_name) AS history_rows
) estimate
ORDER BY 1, 2;

-- What became of records beside the events that were applied, since the source was
-- created: skipped ones by reason, then values that were changed to be stored.
CREATE OR REPLACE VIEW metadb.source_counters AS
SELECT s.name, coalesce(t.tombstones, 0) AS tombstones, coalesce(t.ignored, 0) AS ignored, coalesce(t.filtered, 0) AS filtered,
       coalesce(t.repeated, 0) AS repeated, coalesce(t.repaired, 0) AS repaired_values, coalesce(t.nulled, 0) AS nulled_values
FROM metadb.source s LEFT JOIN metadb.source_status t ON t.source = s.name
ORDER BY s.name;

-- A secret that stands in the catalog shows as stars, a reference to one as it is.
CREATE OR REPLACE VIEW metadb.data_sources AS
SELECT name, brokers, coalesce(nullif(security, ''), 'ssl') AS security, topics, consumer_group, schema_pass_filter, schema_stop_filter, table_stop_filter,
       trim_schema_prefix, add_schema_prefix, map_public_schema, module, enable,
       coalesce(on_bad_value, '') AS on_bad_value, coalesce(on_bad_event, '') AS on_bad_event,
       coalesce(dead_letter_limit, '') AS dead_letter_limit, coalesce(endsync, '') AS endsync,
       coalesce(sasl_mechanism, '') AS sasl_mechanism, coalesce(sasl_username, '') AS sasl_username,
       CASE WHEN coalesce(sasl_password, '') ~ '^((file|env):.*)?$' THEN coalesce(sasl_password, '')
            ELSE '******' END AS sasl_password,
       CASE WHEN coalesce(sasl_oauthbearer_token, '') ~ '^((file|env):.*)?$' THEN coalesce(sasl_oauthbearer_token, '')
            ELSE '******' END AS sasl_oauthbearer_token,
       coalesce(sasl_oauthbearer_token_endpoint_url, '') AS sasl_oauthbearer_token_endpoint_url,
       coalesce(sasl_oauthbearer_client_id, '') AS sasl_oauthbearer_client_id,
       CASE WHEN coalesce(sasl_oauthbearer_client_secret, '') ~ '^((file|env):.*)?$' THEN coalesce(sasl_oauthbearer_client_secret, '')
            ELSE '******' END AS sasl_oauthbearer_client_secret,
       coalesce(sasl_oauthbearer_scope, '') AS sasl_oauthbearer_scope,
       coalesce(ca_file, '') AS ca_file, coalesce(cert_file, '') AS cert_file, coalesce(key_file, '') AS key_file,
       coalesce(signal_topic, '') AS signal_topic, coalesce(topic_prefix, '') AS topic_prefix,
       coalesce(notification_topic, '') AS notification_topic
FROM metadb.source ORDER BY name;

CREATE OR REPLACE VIEW metadb.data_origins AS SELECT name FROM metadb.origin ORDER BY name;

-- Without the records themselves: they hold the source's data.
CREATE OR REPLACE VIEW metadb.dead_letters AS
SELECT id, source, topic, partition, "offset", record_time, schema_name, table_name, reason, recorded_at, op
FROM metadb.dead_letter ORDER BY id;

CREATE OR REPLACE VIEW metadb.requests AS
SELECT id, kind, source, arguments, requested_at, requested_by, state, detail, finished_at, done, total
FROM metadb.request ORDER BY id;

-- Which table of a source is which table here.
CREATE OR REPLACE VIEW metadb.table_sources AS
SELECT source, source_schema, source_table, schema_name, table_name, origin, table_name <> wanted AS renamed, recorded_at
FROM metadb.table_source ORDER BY source, source_schema, source_table, schema_name, table_name;
