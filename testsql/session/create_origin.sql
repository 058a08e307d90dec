-- CREATE DATA ORIGIN
CREATE DATA ORIGIN west;
CREATE DATA ORIGIN East;
CREATE DATA ORIGIN "A Place";
CREATE DATA ORIGIN IF NOT EXISTS west;
LIST data_origins;

-- mistakes
CREATE DATA ORIGIN west;
CREATE DATA ORIGIN;
CREATE DATA ORIGNI west;
CREATE DATA ORIGIN 'west';
CREATE DATA ORIGIN north south;
\set VERBOSITY verbose
CREATE DATA ORIGIN west;
CREATE DATA ORIGIN IF NOT EXISTS west;
CREATE DATA ORIGIN aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg;
\set VERBOSITY default

-- transactions
BEGIN;
CREATE DATA ORIGIN north;
ROLLBACK;
CREATE DATA ORIGIN north\; CREATE DATA ORIGIN west;
LIST data_origins;

-- without rights
\c - :plain
CREATE DATA ORIGIN south;
