-- SYNC, ENDSYNC, EXPLAIN ENDSYNC, CANCEL SYNC: what the statements do by themselves.
-- The source is disabled, so that no worker acts; the numbers are made up.
-- in one transaction: the server never sees it enabled
BEGIN;
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');
ALTER DATA SOURCE sensor DISABLE;
COMMIT;
SELECT source_sync, sync_state FROM metadb.status;
BEGIN;
SYNC DATA SOURCE sensor;
ALTER DATA SOURCE sensor OPTIONS (SET topics '^y\.');
ROLLBACK;
SELECT sync, topics FROM metadb.source;
SYNC DATA SOURCE sensor;
SELECT sync FROM metadb.source;
SELECT id, kind, arguments, state FROM metadb.requests;
ENDSYNC DATA SOURCE sensor;
CANCEL SYNC DATA SOURCE sensor;
SELECT id, kind, state, detail FROM metadb.requests;
SELECT sync FROM metadb.source;
CANCEL SYNC DATA SOURCE sensor;
ENDSYNC DATA SOURCE sensor;
EXPLAIN ENDSYNC DATA SOURCE sensor;
LIST sync_status;

-- a synchronization under way: loans are confirmed but for one, users are not in the
-- snapshot
CREATE SCHEMA lib;
CREATE TABLE lib.loan AS SELECT i::bigint AS __id, now() AS __start, '9999-12-31'::timestamptz AS __end, true AS __current, ''::text AS __origin, i AS id FROM generate_series(1, 10) i;
CREATE TABLE lib."User" AS SELECT * FROM lib.loan WHERE id < 3;
INSERT INTO metadb.base_table VALUES ('lib', 'loan', 'sensor', false, '', ''), ('lib', 'User', 'sensor', false, '', '');
INSERT INTO metadb.data_table (schema_name, table_name, key_columns, history_name, sync_name)
VALUES ('lib', 'loan', '{id}', 'h', 's'), ('lib', 'User', '{id}', 'h2', 's2');
INSERT INTO metadb.table_owner SELECT id, '', 'sensor' FROM metadb.data_table;
UPDATE metadb.source SET sync = 2;
DELETE FROM metadb.request;
INSERT INTO metadb.source_sync (source, generation, stream, mode, adopted, snapshot_at) VALUES ('sensor', 1, 1, 2, true, now());
INSERT INTO metadb.sync_attempt (number, source, generation, connector, lsn) VALUES (1, 'sensor', 1, 'c', 5);
INSERT INTO metadb.sync_table (source, table_id, number, snapshot_rows, current_base, unconfirmed_base, unconfirmed_change)
SELECT 'sensor', id, 1, CASE table_name WHEN 'loan' THEN 9 ELSE 0 END, CASE table_name WHEN 'loan' THEN 10 ELSE 2 END,
       CASE table_name WHEN 'loan' THEN 10 ELSE 2 END, CASE table_name WHEN 'loan' THEN -9 ELSE 0 END FROM metadb.data_table;
INSERT INTO metadb.sync_mark_batch SELECT 1, 1, array_agg(i) FROM generate_series(1, 9) i;
SELECT source_sync, sync_state, confirmed, unconfirmed FROM metadb.status;
SELECT source, mode, schema_name, table_name, state, snapshot_rows, current_rows, confirmed, unconfirmed, percent FROM metadb.sync_status;
EXPLAIN ENDSYNC DATA SOURCE sensor;
ENDSYNC DATA SOURCE sensor;
ENDSYNC DATA SOURCE sensor TABLE lib.loan FORCE TABLE lib.nope;
ENDSYNC DATA SOURCE sensor FORCE TABLE lib.user;
BEGIN;
ENDSYNC DATA SOURCE sensor FORCE TABLE lib."User";
SELECT kind, arguments, state FROM metadb.requests;
SAVEPOINT a;
ENDSYNC DATA SOURCE sensor FORCE ALL;
ROLLBACK TO a;
SYNC DATA SOURCE sensor;
ROLLBACK;
ALTER DATA SOURCE sensor ENDSYNC TABLE lib.loan;
SELECT kind, arguments, state FROM metadb.requests;
UPDATE metadb.request SET state = 'running';
CANCEL SYNC DATA SOURCE sensor;
UPDATE metadb.request SET state = 'done', finished_at = now();
ALTER DATA SOURCE sensor SYNC TABLE lib."User";
SELECT kind, arguments FROM metadb.requests WHERE state = 'waiting';

-- mistakes
SYNC DATA SOURCE nope;
ENDSYNC DATA SOURCE nope;
EXPLAIN ENDSYNC DATA SOURCE nope;
CANCEL SYNC DATA SOURCE nope;
SYNC DATA SOURCE sensor TABLE lib.nope;
SYNC DATA SOURCE sensor TABEL lib.loan;
ENDSYNC DATA SOURCE sensor FORCE lib.loan;
ENDSYNC DATA SOURCE sensor TABLE loan;
ALTER DATA SOURCE sensor OPTIONS (endsync 'always');
ALTER DATA SOURCE sensor OPTIONS (endsync 'auto');
\set VERBOSITY verbose
SYNC DATA SOURCE sensor TABLE lib.nope;
CANCEL SYNC DATA SOURCE nope;
\set VERBOSITY default

-- without rights
\c - :plain
SYNC DATA SOURCE sensor;
ENDSYNC DATA SOURCE sensor;
EXPLAIN ENDSYNC DATA SOURCE sensor;
CANCEL SYNC DATA SOURCE sensor;
LIST sync_status;
