-- CREATE DATA SOURCE: options are alternating names and values.
CREATE OR REPLACE PROCEDURE metadb.create_data_source(
    name text, type text, options text[], if_not_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    o jsonb := metadb.source_options(options);
BEGIN
    IF type IS DISTINCT FROM 'kafka' THEN
        RAISE EXCEPTION 'invalid data source type "%"', type USING ERRCODE = '22023';
    END IF;
    INSERT INTO metadb.source (name, enable, brokers, security, topics, consumer_group, schema_pass_filter,
        schema_stop_filter, table_stop_filter, trim_schema_prefix, add_schema_prefix, map_public_schema, module,
        on_bad_value, on_bad_event, dead_letter_limit, endsync, signal_topic, topic_prefix, notification_topic, sasl_mechanism, sasl_username, sasl_password,
        sasl_oauthbearer_token, sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_client_id,
        sasl_oauthbearer_client_secret, sasl_oauthbearer_scope, ca_file, cert_file, key_file)
    VALUES (create_data_source.name, true, coalesce(o ->> 'brokers', ''), coalesce(nullif(o ->> 'security', ''), 'ssl'),
        coalesce(o ->> 'topics', ''), coalesce(o ->> 'consumer_group', ''), coalesce(o ->> 'schema_pass_filter', ''),
        coalesce(o ->> 'schema_stop_filter', ''), coalesce(o ->> 'table_stop_filter', ''),
        coalesce(o ->> 'trim_schema_prefix', ''), coalesce(o ->> 'add_schema_prefix', ''),
        coalesce(o ->> 'map_public_schema', ''), coalesce(o ->> 'module', ''),
        o ->> 'on_bad_value', o ->> 'on_bad_event', o ->> 'dead_letter_limit', o ->> 'endsync', o ->> 'signal_topic', o ->> 'topic_prefix',
        o ->> 'notification_topic',
        o ->> 'sasl_mechanism', o ->> 'sasl_username', o ->> 'sasl_password', o ->> 'sasl_oauthbearer_token',
        o ->> 'sasl_oauthbearer_token_endpoint_url', o ->> 'sasl_oauthbearer_client_id',
        o ->> 'sasl_oauthbearer_client_secret', o ->> 'sasl_oauthbearer_scope',
        o ->> 'ca_file', o ->> 'cert_file', o ->> 'key_file')
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        CALL metadb.touch();
    ELSIF if_not_exists THEN
        RAISE NOTICE 'data source "%" already exists, skipping', name USING ERRCODE = '42710';
    ELSE
        RAISE EXCEPTION 'data source "%" already exists', name USING ERRCODE = '42710';
    END IF;
END $$;
