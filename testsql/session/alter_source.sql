-- ALTER DATA SOURCE
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics '^sensor\.', consumer_group 'g');
ALTER DATA SOURCE sensor OPTIONS (SET topics '^sensor\.,^probe\.', ADD module 'folio', add_schema_prefix 'sensor_');
ALTER DATA SOURCE sensor OPTIONS (DROP module, SET on_bad_event 'stop');
SELECT name, topics, module, add_schema_prefix, on_bad_event, enable FROM metadb.data_sources;

-- mistakes; all of a statement's changes are made, or none
ALTER DATA SOURCE nope OPTIONS (SET topics 'x');
ALTER DATA SOURCE sensor OPTIONS (SET consumer_group 'other', ADD topics 'x');
ALTER DATA SOURCE sensor OPTIONS (SET consumer_group 'other', DROP module);
ALTER DATA SOURCE sensor OPTIONS (SET topics 'x', SET topics 'y');
ALTER DATA SOURCE sensor OPTIONS (SET topcs 'x');
ALTER DATA SOURCE sensor OPTIONS (SET on_bad_event 'halt');
ALTER DATA SOURCE sensor OPTIONS (CHANGE topics 'x');
ALTER DATA SOURCE sensor SET topics 'x';
ALTER DATA SOURCE sensor DISALBE;
ALTER DATA SOURCE sensor DISABLE now;
ALTER DATA SOURCE;
\set VERBOSITY verbose
ALTER DATA SOURCE nope OPTIONS (SET topics 'x');
ALTER DATA SOURCE nope DISABLE;
ALTER DATA SOURCE sensor OPTIONS (DROP module);
ALTER DATA SOURCE sensor OPTIONS (DROP modul);
\set VERBOSITY default
SELECT topics, consumer_group FROM metadb.data_sources;
CALL metadb.enable_data_source('sensor', NULL);

-- '' is no value, and the same value again no error
ALTER DATA SOURCE sensor OPTIONS (SET topics '^sensor\.,^probe\.', SET on_bad_event '', SET dead_letter_limit '', SET security '');
ALTER DATA SOURCE sensor OPTIONS (DROP on_bad_event);
ALTER DATA SOURCE sensor OPTIONS (ADD on_bad_event 'stop');
SELECT topics, security, on_bad_event, dead_letter_limit FROM metadb.data_sources;
ALTER DATA SOURCE IF EXISTS nope OPTIONS (SET topics 'x');
ALTER DATA SOURCE IF EXISTS nope DISABLE;
ALTER DATA SOURCE IF EXISTS sensor OPTIONS (SET topics '^sensor\.');
ALTER DATA SOURCE IF sensor DISABLE;

-- stop and start
ALTER DATA SOURCE sensor DISABLE;
SELECT name, source_stream, reason FROM metadb.status;
ALTER DATA SOURCE sensor DISABLE;
BEGIN;
ALTER DATA SOURCE sensor ENABLE;
SELECT enable FROM metadb.data_sources;
ROLLBACK;
SELECT enable FROM metadb.data_sources;
ALTER DATA SOURCE sensor ENABLE\; SELECT enable FROM metadb.data_sources;
ALTER DATA SOURCE sensor DISABLE\; ALTER DATA SOURCE nope DISABLE;
SELECT enable FROM metadb.data_sources;

-- without rights
\c - :plain
ALTER DATA SOURCE sensor OPTIONS (SET topics 'x');
ALTER DATA SOURCE sensor DISABLE;
BEGIN;
ALTER DATA SOURCE sensor DISABLE;
SELECT 1;
ROLLBACK;
