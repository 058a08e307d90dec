-- The options of a data source as an object; fails on a name that is none, and on
-- a value that is none of a few. An empty value is no value.
CREATE OR REPLACE FUNCTION metadb.source_options(options text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['brokers', 'security', 'topics', 'consumer_group',
        'schema_pass_filter', 'schema_stop_filter', 'table_stop_filter', 'trim_schema_prefix', 'add_schema_prefix',
        'map_public_schema', 'module', 'on_bad_value', 'on_bad_event', 'dead_letter_limit', 'endsync'];
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
    RETURN object;
END $$;
