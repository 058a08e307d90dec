-- What was pruned of the apply ledger: nothing that lies below the floor is complete.
CREATE TABLE metadb.ledger_state (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    ledger_floor xid8 NOT NULL DEFAULT '0'
);
INSERT INTO metadb.ledger_state DEFAULT VALUES;

-- Transactions by time: all below before_xid had ended then.
CREATE TABLE metadb.ledger_time (
    before_xid xid8 PRIMARY KEY,
    noted_at   timestamptz NOT NULL DEFAULT now()
);

INSERT INTO metadb.config (parameter, value) VALUES
    ('ledger_keep_days', '7'),
    ('request_keep_days', '30'),
    ('gap_keep_days', '365')
ON CONFLICT DO NOTHING;
