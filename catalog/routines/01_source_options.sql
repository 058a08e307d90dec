-- The options of a data source as an object; fails on a name that is none, and on
-- a value that is none of a few. An empty value is no value. Values of secrets are
-- never part of a message.
CREATE OR REPLACE FUNCTION metadb.source_options(options text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['brokers', 'security', 'topics', 'consumer_group',
        'schema_pass_filter', 'schema_stop_filter', 'table_stop_filter', 'trim_schema_prefix', 'add_schema_prefix',
        'map_public_schema', 'module', 'on_bad_value', 'on_bad_event', 'dead_letter_limit', 'endsync', 'signal_topic', 'topic_prefix', 'notification_topic',
        'sasl_mechanism', 'sasl_username', 'sasl_password', 'sasl_oauthbearer_token', 'sasl_oauthbearer_token_endpoint_url',
        'sasl_oauthbearer_client_id', 'sasl_oauthbearer_client_secret', 'sasl_oauthbearer_scope',
        'ca_file', 'cert_file', 'key_file'];
    secrets CONSTANT text[] := ARRAY['sasl_password', 'sasl_oauthbearer_token', 'sasl_oauthbearer_client_secret'];
    object jsonb := jsonb_object(options);
    bad text;
BEGIN
    SELECT k INTO bad FROM jsonb_object_keys(object) k WHERE NOT k = ANY (known) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid option "%"', bad USING ERRCODE = '22023',
            HINT = 'Valid options in this context are: ' || array_to_string(known, ', ') || '.';
    END IF;
    SELECT o.key INTO bad FROM jsonb_each_text(object) o
    JOIN (VALUES ('on_bad_value', '^(dead_letter|null)?$'), ('on_bad_event', '^(set_aside|stop)?$'),
                 ('dead_letter_limit', '^(0*[1-9][0-9]{0,9})?$'), ('endsync', '^(manual|auto)?$')) v (key, pattern) USING (key)
    WHERE o.value !~ v.pattern LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid value for option "%": "%"', bad, object ->> bad USING ERRCODE = '22023';
    END IF;
    FOR bad IN SELECT o.key FROM jsonb_each_text(object) o
               WHERE o.key = ANY (secrets) AND o.value <> '' AND o.value !~ '^(file|env):' LOOP
        RAISE NOTICE 'the secret of option "%" is stored in the catalog', bad
            USING HINT = 'With ''file:NAME'' or ''env:METADB_SECRET_NAME'' it stays outside of the database.';
    END LOOP;
    RETURN object;
END $$;
