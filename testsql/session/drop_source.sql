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
\c - :admin
DROP DATA SOURCE sensor;
LIST data_sources;
