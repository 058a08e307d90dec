-- DROP DATA ORIGIN
CREATE DATA ORIGIN west;
CREATE DATA ORIGIN "A Place";
DROP DATA ORIGIN west;
DROP DATA ORIGIN "A Place";
DROP DATA ORIGIN IF EXISTS west;
LIST data_origins;

-- one that tables have
CREATE DATA ORIGIN east;
INSERT INTO metadb.table_owner (table_id, origin, source) VALUES (1, 'east', 's'), (2, 'east', 's'), (2, '', 's');
DROP DATA ORIGIN east;

-- mistakes
DROP DATA ORIGIN west;
DROP DATA ORIGIN;
DROP DATA ORIGIN IF EXIST west;
DROP DATA ORIGINS west;
DROP DATA ORIGIN 'west';
DROP DATA ORIGIN west CASCADE;
\set VERBOSITY verbose
DROP DATA ORIGIN west;
DROP DATA ORIGIN IF EXISTS west;
\set VERBOSITY default

-- transactions
CREATE DATA ORIGIN north;
BEGIN;
DROP DATA ORIGIN north;
LIST data_origins;
ROLLBACK;
DROP DATA ORIGIN north\; DROP DATA ORIGIN west;
LIST data_origins;

-- without rights
\c - :plain
DROP DATA ORIGIN north;
DROP DATA ORIGIN IF EXISTS nope;
