-- LIST x is SELECT * FROM metadb.x: the columns of 1.4 first, then ours.
CREATE OR REPLACE VIEW metadb.status AS
SELECT 'data_source'::text AS type,
       s.name,
       CASE WHEN NOT alive OR NOT s.enable THEN 'inactive' ELSE coalesce(nullif(t.state, 'inactive'), 'waiting') END AS source_stream,
       CASE WHEN s.sync = 0 THEN 'normal' ELSE 'snapshot' END AS source_sync,
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
       g.gaps IS NOT NULL AS unsynchronized
FROM metadb.source s
CROSS JOIN LATERAL (SELECT coalesce(i.heartbeat > now() - interval '15 seconds', false) AS alive FROM metadb.server i) i
LEFT JOIN metadb.source_status t ON t.source = s.name
LEFT JOIN LATERAL (
    SELECT count(*) AS gaps,
           format('events are missing since %s (%s in topic "%s", partition %s: %s to %s); resynchronize the source',
                  date_trunc('second', min(found_at)), (array_agg(kind ORDER BY id))[1], (array_agg(topic ORDER BY id))[1],
                  (array_agg(partition ORDER BY id))[1], (array_agg(expected ORDER BY id))[1],
                  (array_agg(available ORDER BY id))[1]) AS reason
    FROM metadb.source_gap WHERE source = s.name AND cleared_at IS NULL HAVING count(*) > 0
) g ON true
ORDER BY s.name;

CREATE OR REPLACE VIEW metadb.data_sources AS
SELECT name, brokers, security, topics, consumer_group, schema_pass_filter, schema_stop_filter, table_stop_filter,
       trim_schema_prefix, add_schema_prefix, map_public_schema, module, enable,
       coalesce(on_bad_value, '') AS on_bad_value, coalesce(on_bad_event, '') AS on_bad_event,
       coalesce(dead_letter_limit, '') AS dead_letter_limit
FROM metadb.source ORDER BY name;

CREATE OR REPLACE VIEW metadb.data_origins AS SELECT name FROM metadb.origin ORDER BY name;

-- Without the records themselves: they hold the source's data.
CREATE OR REPLACE VIEW metadb.dead_letters AS
SELECT id, source, topic, partition, "offset", record_time, schema_name, table_name, reason, recorded_at
FROM metadb.dead_letter ORDER BY id;

CREATE OR REPLACE VIEW metadb.requests AS
SELECT id, kind, source, arguments, requested_at, requested_by, state, detail, finished_at
FROM metadb.request ORDER BY id;
