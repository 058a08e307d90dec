-- How long a schema change tries for its locks in short tries, in ms, before one
-- waits its turn.
INSERT INTO metadb.config (parameter, value) VALUES ('schema_change_max_wait', '300000') ON CONFLICT DO NOTHING;
