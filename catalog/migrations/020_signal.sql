-- By which a connector is asked for a snapshot: the topic of its signals, and its
-- prefix of topics, which is their key. '' and NULL: none.
ALTER TABLE metadb.source
    ADD COLUMN signal_topic text,
    ADD COLUMN topic_prefix text;
