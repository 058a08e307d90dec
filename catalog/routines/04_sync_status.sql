-- How far synchronizing sources are: as a whole, and table by table.
CREATE OR REPLACE VIEW metadb.sync_overview AS
SELECT y.source, y.begun_at, y.complete_at, y.complete_by,
       CASE
           WHEN y.endsync_at IS NOT NULL THEN 'ending'
           WHEN y.complete_at IS NOT NULL THEN 'complete'
           WHEN y.snapshot_at IS NOT NULL THEN 'snapshotting'
           ELSE 'waiting for snapshot'
       END AS state,
       c.current_rows - c.unconfirmed AS confirmed, c.unconfirmed
FROM metadb.source_sync y
CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.current_rows), 0)::bigint AS current_rows, coalesce(sum(c.unconfirmed), 0)::bigint AS unconfirmed
    FROM metadb.sync_counts c WHERE c.source = y.source AND NOT c.ended) c;

-- percent is that of the current rows which are confirmed; eta that of the snapshot
-- at the pace it has had. In an initial synchronization no row needs confirmation.
CREATE OR REPLACE VIEW metadb.sync_status AS
SELECT c.source,
       CASE s.sync WHEN 1 THEN 'initial' ELSE 'resync' END AS mode,
       c.schema_name, c.table_name,
       CASE
           WHEN c.ended THEN 'ended'
           WHEN y.state = 'snapshotting' AND c.snapshot_rows = 0 THEN 'waiting for snapshot'
           ELSE y.state
       END AS state,
       c.snapshot_rows,
       c.current_rows,
       CASE WHEN s.sync = 2 THEN c.current_rows - c.unconfirmed END AS confirmed,
       CASE WHEN s.sync = 2 THEN c.unconfirmed END AS unconfirmed,
       CASE WHEN s.sync = 2 THEN round(100.0 * (c.current_rows - c.unconfirmed) / nullif(c.current_rows, 0), 1) END AS percent,
       round(p.pace::numeric, 1) AS rows_per_second,
       CASE WHEN s.sync = 2 AND y.state = 'snapshotting' AND p.pace > 0
            THEN date_trunc('second', make_interval(secs => c.unconfirmed / p.pace)) END AS eta,
       c.to_close,
       c.closed
FROM metadb.sync_counts c
JOIN metadb.source s ON s.name = c.source
JOIN metadb.sync_overview y ON y.source = c.source
CROSS JOIN LATERAL (
    SELECT c.snapshot_rows / nullif(extract(epoch FROM
        (SELECT z.snapshot_at FROM metadb.source_sync z WHERE z.source = c.source)
        - (SELECT min(a.begun_at) FROM metadb.sync_attempt a WHERE a.source = c.source AND a.current AND a.lsn IS NOT NULL)), 0)::double precision
        AS pace) p
ORDER BY c.source, c.schema_name, c.table_name;
