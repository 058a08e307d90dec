-- ALTER SYSTEM SET: the parameters of Metadb. '' stands for the default.
CREATE OR REPLACE PROCEDURE metadb.alter_system_set(parameter text, value text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    known CONSTANT jsonb := '{"checkpoint_segment_size": [3000, 50000], "max_poll_interval": [1800000, 2147483647],
        "kafka_sync_concurrency": [1, 32], "schema_change_max_wait": [300000, 2147483647], "key_max_wait": [300000, 2147483647],
        "sync_grace_seconds": [30, 86400], "sync_deadline_seconds": [10800, 31536000], "unadopted_marks_keep_days": [7, 3650],
        "ledger_keep_days": [7, 3650], "request_keep_days": [30, 3650], "gap_keep_days": [365, 36500],
        "external_sql_folio": [""], "external_sql_reshare": [""]}';
    is_number boolean := jsonb_typeof(known -> parameter -> 0) = 'number';
    given text := coalesce(nullif(value, ''), known -> parameter ->> 0);
BEGIN
    IF is_number IS NULL THEN
        RAISE EXCEPTION 'unrecognized configuration parameter "%"', parameter USING ERRCODE = '42704',
            HINT = 'LIST config shows those that are there.';
    ELSIF is_number AND given !~ '^[0-9]{1,18}$' THEN
        RAISE EXCEPTION 'invalid value for parameter "%": "%"', parameter, value USING ERRCODE = '22023',
            HINT = format('The value is a number from 1 to %s.', known -> parameter ->> 1);
    ELSIF is_number AND NOT given::bigint BETWEEN 1 AND (known -> parameter ->> 1)::bigint THEN
        RAISE EXCEPTION '% is outside the valid range for parameter "%" (1 .. %)', given, parameter, known -> parameter ->> 1
            USING ERRCODE = '22023';
    END IF;
    INSERT INTO metadb.config AS c (parameter, value)
    VALUES (alter_system_set.parameter, CASE WHEN is_number THEN given::bigint::text ELSE given END)
    ON CONFLICT ON CONSTRAINT config_pkey DO UPDATE SET value = excluded.value;
    CALL metadb.touch();
END $$;
