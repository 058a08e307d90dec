-- ALTER DATA SOURCE: actions are triples of add|set|drop, option, value.
-- An option that is '' or NULL is absent.
DROP PROCEDURE IF EXISTS metadb.alter_data_source(text, text[]);
CREATE OR REPLACE PROCEDURE metadb.alter_data_source(name text, actions text[], if_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    present boolean;
    i integer;
BEGIN
    PERFORM FROM metadb.source s WHERE s.name = alter_data_source.name FOR UPDATE;
    IF NOT FOUND THEN
        CALL metadb.no_such_source(name, if_exists);
        RETURN;
    END IF;
    FOR i IN 1 .. coalesce(array_length(actions, 1), 0) BY 3 LOOP
        PERFORM metadb.source_options(ARRAY[actions[i + 1], CASE WHEN actions[i] = 'drop' THEN '' ELSE actions[i + 2] END]);
        EXECUTE format('SELECT coalesce(%I, %L) <> %L FROM metadb.source WHERE name = $1', actions[i + 1], '', '')
            INTO present USING name;
        IF actions[i] = 'add' AND present THEN
            RAISE EXCEPTION 'option "%" provided more than once', actions[i + 1] USING ERRCODE = '42710',
                HINT = 'The option has a value already. Use SET to change it.';
        ELSIF actions[i] = 'drop' AND NOT present THEN
            RAISE EXCEPTION 'option "%" not found', actions[i + 1] USING ERRCODE = '42704';
        END IF;
        EXECUTE format('UPDATE metadb.source SET %I = $2 WHERE name = $1', actions[i + 1])
            USING name, CASE WHEN actions[i] = 'drop' THEN '' ELSE actions[i + 2] END;
    END LOOP;
    CALL metadb.touch();
END $$;
