-- Which source feeds a table, by origin: a table belongs to one source, or to
-- several with different origins. The rows of a source that was dropped stay; the
-- next source of the same table and origin takes them over.
CREATE TABLE metadb.table_owner (
    table_id integer NOT NULL,
    origin   text NOT NULL,
    source   text NOT NULL,
    PRIMARY KEY (table_id, origin)
);
INSERT INTO metadb.table_owner (table_id, origin, source)
SELECT d.id, '', b.source_name FROM metadb.data_table d JOIN metadb.base_table b USING (schema_name, table_name);
