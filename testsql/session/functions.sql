-- The functions of Metadb 1.4
SELECT mdbversion() ~ '^Metadb .+' AS version;
INSERT INTO metadb.auth VALUES ('zoe'), ('ann');
SELECT * FROM mdbusers();
CREATE TABLE metadb.log_test PARTITION OF metadb.log FOR VALUES FROM ('2001-01-01') TO ('2001-02-01');
INSERT INTO metadb.log VALUES ('2001-01-02 00:00Z', 'INFO', 'two'), ('2001-01-01 00:00Z', 'ERROR', 'one');
SELECT error_severity, message FROM mdblog('100 years') WHERE log_time < '2002-01-01';
SELECT count(*) FROM mdblog() WHERE log_time < '2002-01-01';
SELECT count(*) FROM ps() WHERE query LIKE 'SELECT count(*) FROM ps()%' AND dbname = current_database();
\df mdb*
\df ps

-- for everybody
\c - :plain
SELECT mdbversion() ~ '^Metadb .+' AS version;
SELECT * FROM mdbusers();
SELECT count(*) FROM ps() WHERE query NOT LIKE '<insufficient%' AND username <> current_user;
SELECT * FROM mdblog('100 years');
\c - :admin
GRANT USAGE ON SCHEMA metadb TO :plain;
GRANT SELECT ON metadb.log TO :plain;
\c - :plain
SELECT error_severity, message FROM mdblog('100 years') WHERE log_time < '2002-01-01';
\c - :admin
REVOKE ALL ON SCHEMA metadb FROM :plain;
REVOKE ALL ON metadb.log FROM :plain;
