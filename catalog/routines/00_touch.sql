-- Raises the catalog version and wakes the server at commit.
CREATE OR REPLACE PROCEDURE metadb.touch()
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE metadb.instance SET catalog_version = catalog_version + 1;
    SELECT pg_notify('metadb_catalog', '');
END;
