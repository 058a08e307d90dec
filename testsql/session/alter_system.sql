-- ALTER SYSTEM SET
ALTER SYSTEM SET checkpoint_segment_size = '5000';
alter system set /* milliseconds */ "max_poll_interval"='600000';
ALTER SYSTEM SET kafka_sync_concurrency = $$4$$;
ALTER SYSTEM SET external_sql_folio = 'https://example.org/it''s.git/refs/heads/main';
ALTER SYSTEM SET checkpoint_segment_size = '5000';
LIST config;

-- an empty value is the default
ALTER SYSTEM SET checkpoint_segment_size = '';
ALTER SYSTEM SET max_poll_interval = '';
ALTER SYSTEM SET kafka_sync_concurrency = '';
ALTER SYSTEM SET external_sql_folio = '';
LIST config;

-- mistakes
ALTER SYSTEM SET checkpoint_segment_size = 'many';
ALTER SYSTEM SET checkpoint_segment_size = '0';
ALTER SYSTEM SET checkpoint_segment_size = '50001';
ALTER SYSTEM SET checkpoint_segment_size = '-1';
ALTER SYSTEM SET kafka_sync_concurrency = '33';
ALTER SYSTEM SET max_poll_interval = '99999999999999999999';
\set VERBOSITY verbose
ALTER SYSTEM SET max_poll_interval = 'abc';
ALTER SYSTEM SET max_poll_interval = '2147483648';
CALL metadb.alter_system_set('nope', '1');
CALL metadb.alter_system_set(NULL, '1');
\set VERBOSITY default
SELECT value FROM metadb.config WHERE parameter = 'max_poll_interval';

-- all other forms and parameters are PostgreSQL's
ALTER SYSTEM SET checkpoint_segment_size TO '1';
ALTER SYSTEM SET checkpoint_segment_size = 1;
ALTER SYSTEM SET checkpoint_segmnet_size = '1';
ALTER SYSTEM RESET checkpoint_segment_size;
ALTER SYSTEM SET work_mem = 'abc';
ALTER SYSTEM SET;

-- transactions: unlike PostgreSQL's own it may stand in one
BEGIN;
ALTER SYSTEM SET checkpoint_segment_size = '7';
SELECT value FROM metadb.config WHERE parameter = 'checkpoint_segment_size';
ROLLBACK;
SELECT value FROM metadb.config WHERE parameter = 'checkpoint_segment_size';
BEGIN;
ALTER SYSTEM SET work_mem = '4MB';
ROLLBACK;

-- without rights
\c - :plain
ALTER SYSTEM SET checkpoint_segment_size = '7';
ALTER SYSTEM SET checkpoint_segment_size = 'many';
ALTER SYSTEM SET work_mem = '4MB';
