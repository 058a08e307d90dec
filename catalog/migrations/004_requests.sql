-- What a source does with events that it cannot apply. '' and NULL: the default.
ALTER TABLE metadb.source
    ADD COLUMN on_bad_value      text,
    ADD COLUMN on_bad_event      text,
    ADD COLUMN dead_letter_limit text;

-- What a statement asks of the server that takes long, or acts on the outside:
-- the source's worker acts after the statement's commit, in order of id, and says
-- here what has come of it.
CREATE TABLE metadb.request (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,
    source       text NOT NULL,
    arguments    jsonb NOT NULL DEFAULT '{}',
    requested_at timestamptz NOT NULL DEFAULT now(),
    requested_by text NOT NULL DEFAULT session_user,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    detail       text NOT NULL DEFAULT '',
    finished_at  timestamptz
);
CREATE INDEX ON metadb.request (source, id) WHERE state IN ('waiting', 'running');
