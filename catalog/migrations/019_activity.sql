-- Which statements that change something clients have run through the server, and
-- what became of them. Secrets are left out before they come here.
CREATE TABLE metadb.activity (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    role         text NOT NULL,     -- who signed in
    address      text NOT NULL,     -- of the client
    application  text NOT NULL,
    backend_pid  bigint NOT NULL,
    statement    text NOT NULL,     -- its name
    text         text NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('committed', 'failed', 'rolled back', 'unknown')),
    sqlstate     text NOT NULL
);
CREATE INDEX ON metadb.activity (at);
