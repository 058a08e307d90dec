-- REPLAY DEAD LETTERS: of letters that hold nothing, and one that is broken
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers '127.0.0.1:1', security 'plaintext', topics 'x', consumer_group 'g');
ALTER DATA SOURCE sensor DISABLE;
INSERT INTO metadb.dead_letter (source, topic, partition, "offset", schema_name, table_name, record_value, reason)
VALUES ('sensor', 't', 0, 1, '', '', NULL, 'old reason'), ('sensor', 't', 0, 2, '', '', '{', 'old reason'), ('other', 't', 0, 3, '', '', '{', 'old reason');
REPLAY DEAD LETTERS IN DATA SOURCE sensor;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 1, 2;
SELECT id, kind, source, arguments, state, detail FROM metadb.requests;

-- it runs after the commit, and once the source is enabled
ALTER DATA SOURCE sensor ENABLE;
DO $$ BEGIN WHILE EXISTS (SELECT FROM metadb.request WHERE finished_at IS NULL) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT id, kind, source, arguments, state, detail FROM metadb.requests;
SELECT id, source, reason FROM metadb.dead_letters;
BEGIN;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 2;
ROLLBACK;
SELECT count(*) FROM metadb.requests;

-- mistakes
REPLAY DEAD LETTERS IN DATA SOURCE nope;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 2, 3;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 1;
REPLAY DEAD LETTERS;
REPLAY DEAD LETTERS FOR DATA SOURCE sensor;
REPLAY DEAD LETTERS IN DATA SOURCE sensor WHERE id = 2;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID '2';
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 99999999999999999999;
REPLAY DEAD LETER;
REPLAY;
\set VERBOSITY verbose
REPLAY DEAD LETTERS IN DATA SOURCE nope;
REPLAY DEAD LETTERS IN DATA SOURCE sensor ID 2, 3;
REPLAY DEAD LETTERS IN DATA SOURCE sensor IDS 2;
\set VERBOSITY default

-- a source that is dropped takes its requests with it
ALTER DATA SOURCE sensor DISABLE;
REPLAY DEAD LETTERS IN DATA SOURCE sensor\; DROP DATA SOURCE sensor;
SELECT state, detail FROM metadb.requests ORDER BY id DESC LIMIT 1;

-- without rights
\c - :plain
REPLAY DEAD LETTERS IN DATA SOURCE sensor;
