-- How a source reaches its brokers. '' and NULL: not given. The secrets among them
-- (sasl_password, sasl_oauthbearer_token, sasl_oauthbearer_client_secret) are
-- references to a file or a variable of the server, or stand here themselves: no
-- view shows these, and only the system user reads this table.
ALTER TABLE metadb.source
    ADD COLUMN sasl_mechanism                     text,
    ADD COLUMN sasl_username                      text,
    ADD COLUMN sasl_password                      text,
    ADD COLUMN sasl_oauthbearer_token              text,
    ADD COLUMN sasl_oauthbearer_token_endpoint_url text,
    ADD COLUMN sasl_oauthbearer_client_id          text,
    ADD COLUMN sasl_oauthbearer_client_secret      text,
    ADD COLUMN sasl_oauthbearer_scope              text,
    ADD COLUMN ca_file                            text,
    ADD COLUMN cert_file                          text,
    ADD COLUMN key_file                           text;
