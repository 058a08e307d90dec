-- The version of the catalog by which the server works.
ALTER TABLE metadb.server ADD COLUMN catalog_version bigint NOT NULL DEFAULT -1;
