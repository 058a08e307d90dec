-- WAIT FOR DATA SOURCE
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^t\.');
WAIT FOR DATA SOURCE sensor;
wait for data source sensor timeout '1 minute';
WAIT FOR DATA SOURCE sensor TIMEOUT 60;

-- a request that nobody takes while the source is disabled
ALTER DATA SOURCE sensor DISABLE;
REPLAY DEAD LETTERS IN DATA SOURCE sensor;
WAIT FOR DATA SOURCE sensor TIMEOUT '10 ms';
UPDATE metadb.request SET state = 'done', finished_at = now();
WAIT FOR DATA SOURCE sensor;

-- not in a transaction
BEGIN;
WAIT FOR DATA SOURCE sensor;
ROLLBACK;
SELECT 1\; WAIT FOR DATA SOURCE sensor;

-- mistakes
WAIT FOR DATA SOURCE nosuch;
WAIT FOR DATA SOURCE;
WAIT FOR DATA SOURCE sensor TIMEOUT;
WAIT FOR DATA SOURCE sensor TIMEOUT 'soon';
WAIT FOR DATA SOURCE sensor TIMOUT 1;
WAIT FOR DATA ORIGIN a;
WAIT FOR LSN '0/0';

-- without rights
\c - :plain
WAIT FOR DATA SOURCE sensor;
