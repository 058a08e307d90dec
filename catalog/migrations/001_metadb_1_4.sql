-- The catalog of Metadb 1.4 (its version 34). A warehouse taken over from 1.4
-- has these tables already; a new one gets them here, so that either binary and
-- the reports of its users find what they expect.

CREATE TABLE IF NOT EXISTS metadb.init (dbversion integer NOT NULL);

CREATE TABLE IF NOT EXISTS metadb.config (parameter text PRIMARY KEY, value text NOT NULL);

CREATE TABLE IF NOT EXISTS metadb.source (
    name               text PRIMARY KEY,
    enable             boolean NOT NULL,
    brokers            text,
    security           text,
    topics             text,
    consumer_group     text,
    schema_pass_filter text,
    schema_stop_filter text,
    table_stop_filter  text,
    trim_schema_prefix text,
    add_schema_prefix  text,
    map_public_schema  text,
    module             text,
    sync               smallint NOT NULL DEFAULT 1
);

CREATE TABLE IF NOT EXISTS metadb.origin (name text PRIMARY KEY);

CREATE TABLE IF NOT EXISTS metadb.auth (username text PRIMARY KEY);

CREATE TABLE IF NOT EXISTS metadb.acl (
    schema_name text NOT NULL,
    object_name text NOT NULL,
    object_type char(1) NOT NULL CHECK (object_type IN ('f', 't')),
    privilege   char(1) NOT NULL CHECK (privilege IN ('a')),
    user_name   text NOT NULL,
    PRIMARY KEY (schema_name, object_name, object_type, privilege, user_name)
);

CREATE TABLE IF NOT EXISTS metadb.base_table (
    schema_name        varchar(63) NOT NULL,
    table_name         varchar(63) NOT NULL,
    source_name        varchar(63) NOT NULL,
    transformed        boolean NOT NULL,
    parent_schema_name varchar(63) NOT NULL,
    parent_table_name  varchar(63) NOT NULL,
    PRIMARY KEY (schema_name, table_name)
);

CREATE TABLE IF NOT EXISTS metadb.transform_json (
    schema_name varchar(63) NOT NULL,
    table_name  varchar(63) NOT NULL,
    column_name varchar(63) NOT NULL,
    path        text NOT NULL,
    map         text NOT NULL,
    PRIMARY KEY (schema_name, table_name, column_name, path),
    UNIQUE (schema_name, table_name, column_name, map)
);

CREATE TABLE IF NOT EXISTS metadb.table_update (
    schema_name       varchar(63),
    table_name        varchar(63),
    last_update       timestamptz,
    elapsed_real_time real,
    PRIMARY KEY (schema_name, table_name)
);

CREATE TABLE IF NOT EXISTS metadb.log (
    log_time       timestamptz(3),
    error_severity text,
    message        text
) PARTITION BY RANGE (log_time);

CREATE TABLE IF NOT EXISTS metadb.maintenance (next_maintenance_time timestamptz);

INSERT INTO metadb.init (dbversion) SELECT 34 WHERE NOT EXISTS (SELECT FROM metadb.init);

INSERT INTO metadb.config (parameter, value) VALUES
    ('checkpoint_segment_size', '3000'),
    ('max_poll_interval', '1800000'),
    ('kafka_sync_concurrency', '1'),
    ('external_sql_folio', ''),
    ('external_sql_reshare', '')
ON CONFLICT DO NOTHING;

INSERT INTO metadb.maintenance (next_maintenance_time)
SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 day 3 hours'
WHERE NOT EXISTS (SELECT FROM metadb.maintenance);
