-- The key by which the server seals secrets before they become a part of SQL, where
-- PostgreSQL's log may have them. It is made here, so that no statement holds it.
CREATE TABLE metadb.seal (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    key bytea NOT NULL CHECK (octet_length(key) = 32)
);
-- 2 random UUIDs have 244 random bits; the hash spreads them.
INSERT INTO metadb.seal (key) VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
