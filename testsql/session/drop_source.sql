-- DROP DATA SOURCE
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1');
CREATE DATA SOURCE "Odd ""name""" TYPE kafka OPTIONS (brokers '127.0.0.1:1');
DROP DATA SOURCE "Odd ""name""";
DROP DATA SOURCE nope;
DROP DATA SOURCE IF EXISTS nope;
\set VERBOSITY verbose
DROP DATA SOURCE nope;
DROP DATA SOURCE IF EXISTS nope;
DROP DATA SOURCE sensor CASCADE;
\set VERBOSITY default

-- mistakes
DROP DATA SOURCE;
DROP DATA SOURCE IF EXIST sensor;
DROP DATA SOURCES sensor;
DROP DATA SOURCE 'sensor';

-- with its tables, or without; the notice names the request
DROP DATA SOURCE sensor CASCADE TABLES;
DROP DATA SOURCE sensor DORP TABLES;
DROP DATA SOURCE sensor DROP;
DROP DATA SOURCE sensor DROP TABLES now;
CREATE DATA SOURCE kept TYPE kafka OPTIONS (brokers '127.0.0.1:1');
DROP DATA SOURCE kept KEEP TABLES;
DROP DATA SOURCE IF EXISTS kept DROP TABLES;
CREATE SCHEMA lab;
CREATE TABLE lab.probe__ (__id bigint, __origin text, __current boolean) PARTITION BY LIST (__current);
CREATE TABLE lab.probe PARTITION OF lab.probe__ FOR VALUES IN (true);
CREATE TABLE lab.zzz___probe___sync (__id bigint);
INSERT INTO metadb.data_table (schema_name, table_name, history_name, sync_name) VALUES ('lab', 'probe', 'none', 'zzz___probe___sync');
INSERT INTO metadb.base_table VALUES ('lab', 'probe', 'mine', false, '', '');
CREATE DATA SOURCE mine TYPE kafka OPTIONS (brokers '127.0.0.1:1');
CREATE VIEW probes AS SELECT __id FROM lab.probe;
CREATE MATERIALIZED VIEW all_probes AS SELECT count(*) FROM lab.probe__;
\set VERBOSITY verbose
DROP DATA SOURCE mine DROP TABLES;
\set VERBOSITY default
DROP VIEW probes;
DROP MATERIALIZED VIEW all_probes;
INSERT INTO metadb.table_owner VALUES (1, '', 'mine'), (1, 'west', 'sensor');
\set VERBOSITY verbose
DROP DATA SOURCE mine DROP TABLES;
\set VERBOSITY default
DELETE FROM metadb.table_owner WHERE source = 'sensor';
BEGIN;
DROP DATA SOURCE mine DROP TABLES;
ROLLBACK;
DROP DATA SOURCE mine DROP TABLES;
DO $$ BEGIN WHILE EXISTS (SELECT FROM metadb.request WHERE finished_at IS NULL) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT kind, source, state, detail FROM metadb.requests;
SELECT relname FROM pg_class WHERE relnamespace = 'lab'::regnamespace;
SELECT (SELECT count(*) FROM metadb.base_table), (SELECT count(*) FROM metadb.data_table);

-- transactions
BEGIN;
DROP DATA SOURCE sensor;
DROP DATA SOURCE sensor;
ROLLBACK;
DROP DATA SOURCE sensor\; SELECT count(*) FROM metadb.data_sources\; SELECT 1 / 0;
SELECT name FROM metadb.data_sources;

-- without rights
\c - :plain
DROP DATA SOURCE sensor;
DROP DATA SOURCE IF EXISTS nope;
DROP DATA SOURCE sensor DROP TABLES;
\c - :admin
DROP DATA SOURCE sensor;
LIST data_sources;
