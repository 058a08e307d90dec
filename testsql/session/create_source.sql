-- CREATE DATA SOURCE
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (
    brokers '127.0.0.1:1', security 'plaintext', topics '^sensor\.', consumer_group 'metadb_sensor',
    table_stop_filter '^log\.', on_bad_value 'null', dead_letter_limit '500');
create data source if not exists "Mixed Case" type kafka options (brokers 'it''s:1', topics 'x');
\x
LIST data_sources;
\x

-- security: a secret that stands in the catalog shows as stars
CREATE DATA SOURCE secured TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics 'x', consumer_group 'g',
    security 'sasl_ssl', sasl_mechanism 'scram-sha-512', sasl_username 'metadb', sasl_password 'file:kafka_password', ca_file 'kafka/ca.pem');
CREATE DATA SOURCE "literal" TYPE kafka OPTIONS (security 'sasl_plaintext', sasl_mechanism 'PLAIN', sasl_username 'u', sasl_password 'p');
SELECT name, security, sasl_mechanism, sasl_username, sasl_password, ca_file FROM metadb.data_sources WHERE sasl_mechanism <> '';
DROP DATA SOURCE secured;
DROP DATA SOURCE "literal";

-- it is there already
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers 'b');
CREATE DATA SOURCE IF NOT EXISTS sensor TYPE kafka OPTIONS (brokers 'b');

-- mistakes
CREATE DATA SOURCE;
CREATE DATA SORCE x TYPE kafka OPTIONS (brokers 'b');
CREATE DATA SOURCE x TYPE kafak OPTIONS (brokers 'b');
CREATE DATA SOURCE x TYPE kafka;
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers b);
CREATE DATA SOURCE x TYPE kafka OPTIONS (dead_letter_limit 5);
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers $1);
CREATE DATA SOURCE x TYPE kafka OPTIONS brokers 'b';
CREATE DATA SOURCE x TYPE kafka OPTIONS (broker 'b');
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b',
    topics 'a', topics 'b');
CREATE DATA SOURCE x TYPE kafka OPTIONS (topics '^a(');
CREATE DATA SOURCE x TYPE kafka OPTIONS (security 'sasl');
CREATE DATA SOURCE x TYPE kafka OPTIONS (sasl_pasword 'p');
CREATE DATA SOURCE x TYPE kafka OPTIONS (sasl_mechanism 'SCRAM-SHA-1');
CREATE DATA SOURCE x TYPE kafka OPTIONS (security 'sasl_ssl', sasl_password 'env:PGPASSWORD');
CREATE DATA SOURCE x TYPE kafka OPTIONS (ca_file '/etc/ssl/ca.pem');
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b', sasl_username 'u');
CREATE DATA SOURCE x TYPE kafka OPTIONS (on_bad_value 'NULL');
CREATE DATA SOURCE x TYPE kafka OPTIONS (dead_letter_limit '0');
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b') WITH (x);
\set VERBOSITY verbose
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers 'b');
CREATE DATA SOURCE IF NOT EXISTS sensor TYPE kafka OPTIONS (brokers 'b');
CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b');
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b',);
CREATE DATA SOURCE aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg TYPE kafka OPTIONS (brokers 'b');
\set VERBOSITY default

-- the routine itself says no, too
CALL metadb.create_data_source('x', 'mqtt', ARRAY['brokers', 'b']);
CALL metadb.create_data_source('x', 'kafka', ARRAY['brokers']);
CALL metadb.create_data_source('x', 'kafka', ARRAY['dead_letter_limit', 'many']);

-- a transaction takes it back
BEGIN;
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b');
SELECT name FROM metadb.data_sources ORDER BY name;
ROLLBACK;
BEGIN;
CREATE DATA SOURCE sensor TYPE kafka OPTIONS (brokers 'b');
LIST data_origins;
COMMIT;
BEGIN READ ONLY;
CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b');
ROLLBACK;

-- several in one message are one transaction
SELECT 1 AS one\; CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b')\; SELECT count(*) FROM metadb.data_sources;
CREATE DATA SOURCE y TYPE kafka OPTIONS (brokers 'b')\; CREATE DATA SOURCE x TYPE kafka OPTIONS (brokers 'b');
SELECT name FROM metadb.data_sources ORDER BY name;

-- not a statement
SELECT 'CREATE DATA SOURCE s' AS text;
SELECT $$; CREATE DATA SOURCE s $$ AS text;

-- without rights
\c - :plain
CREATE DATA SOURCE z TYPE kafka OPTIONS (brokers 'b');
CREATE DATA SOURCE z TYPE kafka OPTIONS (broker 'b');
\set VERBOSITY verbose
CREATE DATA SOURCE z TYPE kafka OPTIONS (brokers 'b');
