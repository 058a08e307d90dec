-- Which table of a source has which table here. The rules give it the name wanted;
-- where that collides, table_name is another, kept for ever. Two tables of a source
-- share one here only with different origins.
CREATE TABLE metadb.table_source (
    schema_name   text NOT NULL,
    table_name    text NOT NULL,
    origin        text NOT NULL,
    main_name     text NOT NULL,
    wanted        text NOT NULL,
    source        text NOT NULL,
    source_schema text NOT NULL,
    source_table  text NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, table_name, origin)
);
