-- What streaming keeps beside the tables of 1.4.

-- One row: the identity of this warehouse, and a number that every statement
-- which changes the catalog raises. NOTIFY only wakes; the number decides.
CREATE TABLE metadb.instance (
    singleton       boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    warehouse_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    catalog_version bigint NOT NULL DEFAULT 1,
    server_version  text,
    started         timestamptz,
    heartbeat       timestamptz
);
INSERT INTO metadb.instance DEFAULT VALUES;

-- Drawn whenever a worker takes a source: what an earlier owner still holds in
-- its hands carries a lower epoch and cannot commit.
CREATE SEQUENCE metadb.epoch;

-- A stream is one identity of a source's events: brokers, topics and consumer
-- group. Offsets mean nothing outside of their stream. Rows outlive DROP DATA
-- SOURCE, so that a source created again goes on where it stopped.
CREATE TABLE metadb.source_stream (
    source         text NOT NULL,
    stream         integer NOT NULL,
    brokers        text NOT NULL,
    topics         text NOT NULL,
    consumer_group text NOT NULL,
    opened         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, stream)
);

-- id is the source's number in advisory locks.
CREATE TABLE metadb.source_state (
    source     text PRIMARY KEY,
    id         integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    stream     integer NOT NULL DEFAULT 0,
    generation integer NOT NULL DEFAULT 0
);

-- How far each partition is applied; written in the transaction of the rows.
-- commit_lsn, lsn, ts_ms, run, run_again and last_sent are the mark by which
-- events sent again are known.
CREATE TABLE metadb.source_offset (
    source     text NOT NULL,
    stream     integer NOT NULL,
    topic      text NOT NULL,
    topic_id   uuid NOT NULL,
    partition  integer NOT NULL,
    next       bigint NOT NULL,
    epoch      bigint NOT NULL,
    commit_lsn bigint,
    lsn        bigint,
    ts_ms      bigint,
    run        bigint[],
    run_again  integer,
    last_sent  bigint,
    PRIMARY KEY (source, stream, topic, partition)
) WITH (fillfactor = 50);

-- Where events are known to be missing: from expected to available.
CREATE TABLE metadb.source_gap (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source     text NOT NULL,
    stream     integer NOT NULL,
    topic      text NOT NULL,
    partition  integer NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('retention', 'truncated', 'recreated')),
    expected   bigint NOT NULL,
    available  bigint NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    cleared_at timestamptz
);

-- What the worker of a source reports of itself.
CREATE TABLE metadb.source_status (
    source       text PRIMARY KEY,
    state        text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    events       bigint NOT NULL DEFAULT 0,
    rate         double precision NOT NULL DEFAULT 0,
    lag          bigint,
    last_event   timestamptz,
    since        timestamptz NOT NULL DEFAULT now(),
    updated      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE metadb.dead_letter (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source       text NOT NULL,
    topic        text NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    record_time  timestamptz,
    schema_name  text NOT NULL,
    table_name   text NOT NULL,
    record_key   bytea,
    record_value bytea,
    reason       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON metadb.dead_letter (source, id);

-- One row per row of base_table: the table's number in advisory locks and in the
-- ledger, its key columns as last seen (NULL: not known; '{}': it has none), and
-- the names of its helpers.
CREATE TABLE metadb.data_table (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_name   text NOT NULL,
    table_name    text NOT NULL,
    key_columns   text[],
    history_name  text NOT NULL,
    sync_name     text NOT NULL,
    UNIQUE (schema_name, table_name)
);

-- One row per applied transaction and table: the ids it wrote and closed.
CREATE TABLE metadb.apply_ledger (
    xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    table_id   integer NOT NULL,
    min_id     bigint,
    max_id     bigint,
    closed_ids bigint[],
    bulk       boolean NOT NULL DEFAULT false
);
CREATE INDEX ON metadb.apply_ledger (table_id, xid);
