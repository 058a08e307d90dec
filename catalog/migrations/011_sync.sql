-- Synchronization: which current rows a new snapshot has confirmed, and the end of
-- those that it has not.

-- Numbers of generations and of snapshot attempts, over all sources. A mark carries
-- one; those of past synchronizations are worth nothing.
CREATE SEQUENCE metadb.sync_number AS integer;

-- When an endsync comes by itself: 'auto', once the snapshot is known to be
-- complete. '' and NULL: when a statement says so.
ALTER TABLE metadb.source ADD COLUMN endsync text;

-- What every batch reads in its fence: whether its events leave marks. 0: no; 1: in
-- sync_mark; 2: in sync_mark_late, as an endsync is at work.
ALTER TABLE metadb.source_state ADD COLUMN marks smallint NOT NULL DEFAULT 0 CHECK (marks IN (0, 1, 2));

-- A source that synchronizes, or whose new stream leaves marks in case that a SYNC
-- follows (adopted is false).
CREATE TABLE metadb.source_sync (
    source       text PRIMARY KEY,
    generation   integer NOT NULL,     -- from this number on, marks count
    stream       integer NOT NULL,     -- of which the marks are
    mode         smallint NOT NULL,    -- of the source (metadb.source.sync) when it began
    adopted      boolean NOT NULL,
    tables       integer[],            -- NULL: all tables of the source
    begun_at     timestamptz NOT NULL DEFAULT now(),
    snapshot_at  timestamptz,          -- the last record of a snapshot was applied
    complete_at  timestamptz,
    complete_by  text CHECK (complete_by IN ('marks', 'deadline')),
    counts       integer NOT NULL DEFAULT 1, -- number of the count that is wanted
    endsync_at   timestamptz,          -- __end of the rows that the endsync at work closes
    checked      boolean NOT NULL DEFAULT false -- the guard has let it pass
);

-- Attempts of a connector to take a snapshot. All rows of one carry one lsn. The row
-- without an lsn stands for what a connector streamed before its snapshot was seen.
CREATE TABLE metadb.sync_attempt (
    number     integer PRIMARY KEY,
    source     text NOT NULL,
    generation integer NOT NULL,
    connector  text NOT NULL,
    lsn        bigint,
    ts_ms      bigint,
    current    boolean NOT NULL DEFAULT true, -- false: a later one has replaced it
    begun_at   timestamptz NOT NULL DEFAULT now(),
    last_at    timestamptz                    -- its last record was applied
);
CREATE INDEX ON metadb.sync_attempt (source, generation);

-- Partitions whose earlier records confirm nothing: those of topics that were there
-- before the synchronization. confirms_from NULL: no record does.
CREATE TABLE metadb.sync_boundary (
    source        text NOT NULL,
    topic         text NOT NULL,
    topic_id      uuid NOT NULL,
    partition     integer NOT NULL,
    confirms_from bigint,
    PRIMARY KEY (source, topic, partition)
);

-- Counters of a synchronizing source's tables. The bases are exact counts of a
-- moment, from which the changes at that moment have been taken off; NULL: not
-- counted yet. Base and change together are the number of now.
CREATE TABLE metadb.sync_table (
    source             text NOT NULL,
    table_id           integer NOT NULL,
    snapshot_rows      bigint NOT NULL DEFAULT 0, -- of the present attempts
    confirmed          bigint NOT NULL DEFAULT 0, -- marks written in the present attempts
    current_change     bigint NOT NULL DEFAULT 0,
    unconfirmed_change bigint NOT NULL DEFAULT 0,
    current_base       bigint,
    unconfirmed_base   bigint,
    counted            integer NOT NULL DEFAULT 0, -- number of the count that the bases are of
    to_close           bigint,                     -- found by the endsync
    closed             bigint NOT NULL DEFAULT 0,  -- by the endsync
    ended              boolean NOT NULL DEFAULT false, -- an endsync of this table has ended
    PRIMARY KEY (source, table_id)
) WITH (fillfactor = 50);

-- Marks, in a partition per table: the row with this id is confirmed. lsn is NULL
-- for records of a snapshot; for streamed ones the highest position that the event
-- names, by which one outlives a new attempt that it follows.
CREATE TABLE metadb.sync_mark (
    id       bigint NOT NULL,
    table_id integer NOT NULL,
    number   integer NOT NULL,
    lsn      bigint
) PARTITION BY LIST (table_id);

-- Marks that come while an endsync is at work.
CREATE TABLE metadb.sync_mark_late (
    table_id integer NOT NULL,
    id       bigint NOT NULL,
    source   text NOT NULL,
    PRIMARY KEY (table_id, id)
);

-- Rows that the endsync at work will close, unless they are marked meanwhile.
CREATE TABLE metadb.sync_gone (
    table_id integer NOT NULL,
    id       bigint NOT NULL,
    source   text NOT NULL,
    PRIMARY KEY (table_id, id)
);

-- Records that were set aside without their key, so that they confirmed no row. An
-- endsync of their tables waits until they are resolved. Without a table: all.
CREATE TABLE metadb.sync_letter (
    source     text NOT NULL,
    generation integer NOT NULL,
    topic      text NOT NULL,
    partition  integer NOT NULL,
    "offset"   bigint NOT NULL,
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    PRIMARY KEY (source, topic, partition, "offset")
);

-- The latest end that an endsync has written in a table: a row event from before it
-- may concern a key that the endsync has closed.
ALTER TABLE metadb.data_table ADD COLUMN endsync_at timestamptz;

-- How far a request is.
ALTER TABLE metadb.request
    ADD COLUMN done  bigint,
    ADD COLUMN total bigint;

-- How long after the last record of a snapshot the positions are taken that must be
-- reached; how long a snapshot must have been silent to count as complete without
-- that; how long marks of a new stream wait for a SYNC.
INSERT INTO metadb.config (parameter, value) VALUES
    ('sync_grace_seconds', '30'),
    ('sync_deadline_seconds', '10800'),
    ('unadopted_marks_keep_days', '7')
ON CONFLICT DO NOTHING;
