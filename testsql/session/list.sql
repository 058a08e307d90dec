-- LIST
LIST status;
LIST config;
list data_sources;
LIST "data_origins";
LIST AS data_origins;
LIST dead_letters;
LIST requests;
LIST activity;
-- in one transaction: the server never sees it enabled
BEGIN;
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1');
ALTER DATA SOURCE sensor DISABLE;
COMMIT;
LIST status;
INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, record_key, record_value, reason)
VALUES ('sensor', 'sensor.lab.probe', 3, 41, 'lab', 'probe', 'key', 'value', 'bad event: column n: value is outside the range of its column');
\x
LIST dead_letters;
\x
SELECT dead_letters FROM metadb.status;

-- as a part of something
LIST status\; LIST data_origins;
BEGIN;
LIST data_origins;
COMMIT;

-- mistakes
LIST;
LIST statsu;
LIST everything;
LIST AS;
LIST 'status';
LIST status WHERE true;
EXPLAIN LIST status;
\set VERBOSITY verbose
LIST dead_leters;
LIST status now;
\set VERBOSITY default
BEGIN;
LIST nothing;
LIST data_origins;
ROLLBACK;

-- without rights
\c - :plain
LIST status;
LIST dead_letters;
LIST nothing;
SELECT record_value FROM metadb.dead_letter;
\c - :admin
GRANT metadb_admin TO :plain;
\c - :plain
SELECT source, topic, "offset" FROM metadb.dead_letters;
SELECT record_value FROM metadb.dead_letter;
DELETE FROM metadb.dead_letter;

-- a monitor
\c - :admin
REVOKE metadb_admin FROM :plain;
GRANT metadb_monitor TO :plain;
\c - :plain
SELECT name, source_stream, lag_seconds, partitions, last_error, last_error_at FROM metadb.status;
SELECT * FROM metadb.table_status;
SELECT brokers FROM metadb.source;
SELECT count(*) FROM metadb.activity WHERE outcome = 'no such';
ALTER DATA SOURCE sensor ENABLE;
