-- Tables of which events have come without the key, while it is not known: the
-- connector damages names that are not ASCII, and then sends none.
CREATE TABLE metadb.key_wait (
    source      text NOT NULL,
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    given_up_at timestamptz, -- waited for long enough; NULL: still awaited
    PRIMARY KEY (source, schema_name, table_name)
);

-- How long, in ms.
INSERT INTO metadb.config (parameter, value) VALUES ('key_max_wait', '300000') ON CONFLICT DO NOTHING;
