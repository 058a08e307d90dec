-- SYNC … WAIT, ENDSYNC … WAIT, SYNC … WITH SNAPSHOT. The source is disabled, so that
-- no worker acts.
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');
ALTER DATA SOURCE sensor DISABLE;

-- not in a transaction, and nothing is asked for there
BEGIN;
SYNC DATA SOURCE sensor WAIT;
ROLLBACK;
SELECT 1\; ENDSYNC DATA SOURCE sensor WAIT;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SYNC DATA SOURCE sensor WITH SNAPSHOT WAIT FOR SNAPSHOT;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
SELECT count(*) FROM metadb.requests;

-- cancelled: the request stays
SET statement_timeout = '3s';
SYNC DATA SOURCE sensor WAIT;
RESET statement_timeout;
SELECT kind, state FROM metadb.requests;
ENDSYNC DATA SOURCE sensor WAIT;

-- a snapshot on request
SYNC DATA SOURCE sensor WITH SNAPSHOT;
\echo :LAST_ERROR_SQLSTATE
ALTER DATA SOURCE sensor OPTIONS (signal.kafka.topic 'signals', topic.prefix 'm');
SELECT signal_topic, topic_prefix FROM metadb.data_sources;
SYNC DATA SOURCE sensor WITH SNAPSHOT;
SYNC DATA SOURCE sensor WITH SNAPSHOT;
SELECT kind, state, detail FROM metadb.requests ORDER BY id;
CANCEL SYNC DATA SOURCE sensor;
SELECT kind, state, detail FROM metadb.requests ORDER BY id;

-- tables without a key, which connectors leave out
INSERT INTO metadb.base_table VALUES ('lib', 'loan', 'sensor', false, '', ''), ('lib', 'visit', 'sensor', false, '', ''), ('lib', 'Log', 'sensor', false, '', '');
INSERT INTO metadb.data_table (schema_name, table_name, key_columns, history_name, sync_name)
VALUES ('lib', 'loan', '{id}', 'h', 's'), ('lib', 'visit', '{}', 'h2', 's2'), ('lib', 'Log', '{}', 'h3', 's3');
INSERT INTO metadb.table_owner SELECT id, '', 'sensor' FROM metadb.data_table;
SYNC DATA SOURCE sensor WITH SNAPSHOT;
SYNC DATA SOURCE sensor TABLE lib.loan, lib.visit WITH SNAPSHOT;
SYNC DATA SOURCE sensor TABLE lib.loan WITH SNAPSHOT;
SYNC DATA SOURCE sensor;

-- mistakes
SYNC DATA SOURCE sensor WITH;
SYNC DATA SOURCE sensor WAITT;
SYNC DATA SOURCE sensor WAIT FOR;
SYNC DATA SOURCE sensor WAIT WITH SNAPSHOT;
ENDSYNC DATA SOURCE sensor WAIT FOR SNAPSHOT;
ENDSYNC DATA SOURCE nope WAIT;

-- without rights
\c - :plain
SYNC DATA SOURCE sensor WAIT;
ENDSYNC DATA SOURCE sensor WAIT;
