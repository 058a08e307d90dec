-- The running server's own row: the heartbeat must not wait for a statement whose
-- transaction somebody has left open, which holds the row with the version.
CREATE TABLE metadb.server (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    version   text,
    started   timestamptz,
    heartbeat timestamptz
);
INSERT INTO metadb.server DEFAULT VALUES;
