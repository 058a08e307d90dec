package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/catalog/secret"
)

// Sync modes of a source, as 1.4 stores them.
const (
	SyncNone    = 0
	SyncInitial = 1
	SyncResync  = 2
)

// Source is one row of metadb.source with its options; lists are still joined by
// commas.
type Source struct {
	Name             string
	Enable           bool
	Brokers          string
	Topics           string
	ConsumerGroup    string
	SchemaPassFilter string
	SchemaStopFilter string
	TableStopFilter  string
	TrimSchemaPrefix string
	AddSchemaPrefix  string
	MapPublicSchema  string
	Module           string
	Sync             int16
	OnBadValue       string // "": dead_letter
	OnBadEvent       string // "": set_aside
	DeadLetterLimit  string // "": the default
	Endsync          string // "": by a statement
	SignalTopic      string // of Kafka, in which the connector takes signals; "": none
	TopicPrefix      string // of the connector: the key of its signals
	// NotificationTopic is that of Kafka in which the connector says how its snapshots go
	// on; "": none.
	NotificationTopic string
	Security
}

// Security is how the brokers of a source are reached; "" is not given.
type Security struct {
	Protocol      string // ssl, plaintext, sasl_ssl or sasl_plaintext
	Mechanism     string // of SASL
	Username      string
	Password      secret.Reference
	Token         secret.Reference // of OAUTHBEARER, as is the rest of these
	TokenEndpoint string
	ClientID      string
	ClientSecret  secret.Reference
	Scope         string
	CAFile        string // names of PEM files in the directory of secrets
	CertFile      string
	KeyFile       string
}

// Values of the options on_bad_value and on_bad_event that are not the default.
const (
	BadValueNull = "null"
	BadEventStop = "stop"
)

// EndsyncAuto is the value of the option endsync by which a synchronization ends by
// itself once its snapshot is known to be complete.
const EndsyncAuto = "auto"

// Sources returns all data sources by name.
func (c *Catalog) Sources(ctx context.Context) ([]Source, error) {
	rows, err := c.pool.Query(ctx, `
		SELECT name, enable, coalesce(brokers, ''), coalesce(topics, ''),
		       coalesce(consumer_group, ''), coalesce(schema_pass_filter, ''), coalesce(schema_stop_filter, ''),
		       coalesce(table_stop_filter, ''), coalesce(trim_schema_prefix, ''), coalesce(add_schema_prefix, ''),
		       coalesce(map_public_schema, ''), coalesce(module, ''), sync,
		       coalesce(on_bad_value, ''), coalesce(on_bad_event, ''), coalesce(dead_letter_limit, ''),
		       coalesce(endsync, ''), coalesce(signal_topic, ''), coalesce(topic_prefix, ''), coalesce(notification_topic, ''),
		       coalesce(nullif(security, ''), 'ssl'), coalesce(sasl_mechanism, ''), coalesce(sasl_username, ''),
		       coalesce(sasl_password, ''), coalesce(sasl_oauthbearer_token, ''),
		       coalesce(sasl_oauthbearer_token_endpoint_url, ''), coalesce(sasl_oauthbearer_client_id, ''),
		       coalesce(sasl_oauthbearer_client_secret, ''), coalesce(sasl_oauthbearer_scope, ''),
		       coalesce(ca_file, ''), coalesce(cert_file, ''), coalesce(key_file, '')
		FROM metadb.source ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("read data sources: %w", err)
	}
	sources, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Source])
	if err != nil {
		return nil, fmt.Errorf("read data sources: %w", err)
	}
	return sources, nil
}

// Origins returns the data origins in a defined order: the longest name first,
// so that of two prefixes the more exact one wins, then by name.
func (c *Catalog) Origins(ctx context.Context) ([]string, error) {
	rows, err := c.pool.Query(ctx, `SELECT name FROM metadb.origin ORDER BY octet_length(name) DESC, name COLLATE "C"`)
	if err != nil {
		return nil, fmt.Errorf("read data origins: %w", err)
	}
	origins, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read data origins: %w", err)
	}
	return origins, nil
}

// Stream identifies the events of a source that one run reads.
type Stream struct {
	SourceID   int32 // the source's number in advisory locks
	Number     int32 // of the stream, from 1
	Generation int32
	Epoch      int64 // of this run: higher than every earlier one's
	// FromStart says that what the consumer group has committed does not count:
	// the tables that held it were dropped.
	FromStart bool
}

// OpenStream returns the stream of s, opening the next one when brokers, topics
// or group are not those of the last (rule R1). Positions of topics that were
// read from the same brokers by the same group are carried over, exactly; else
// only their marks are (Next is -1), so that what is read again is known. The caller becomes the owner of all positions of the stream.
func (c *Catalog) OpenStream(ctx context.Context, s Source) (Stream, error) {
	var st Stream
	err := pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO metadb.source_state (source) VALUES ($1)
			ON CONFLICT (source) DO UPDATE SET stream = metadb.source_state.stream
			RETURNING id, stream, generation, nextval('metadb.epoch')`, s.Name).
			Scan(&st.SourceID, &st.Number, &st.Generation, &st.Epoch)
		if err != nil {
			return err
		}
		var same bool
		err = tx.QueryRow(ctx, `
			SELECT EXISTS (SELECT FROM metadb.source_stream
			WHERE source = $1 AND stream = $2 AND brokers = $3 AND topics = $4 AND consumer_group = $5)`,
			s.Name, st.Number, s.Brokers, s.Topics, s.ConsumerGroup).Scan(&same)
		if err == nil && !same {
			if err = LockSourceExclusive(ctx, tx, st.SourceID); err == nil {
				err = openNext(ctx, tx, s, &st)
			}
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, "SELECT from_start FROM metadb.source_stream WHERE source = $1 AND stream = $2",
			s.Name, st.Number).Scan(&st.FromStart)
		if err != nil {
			return err
		}
		// Waits for a commit that an earlier owner may still have under way; after
		// this, whatever it holds is of a lower epoch and cannot commit.
		_, err = tx.Exec(ctx, "UPDATE metadb.source_offset SET epoch = $3 WHERE source = $1 AND stream = $2",
			s.Name, st.Number, st.Epoch)
		return err
	})
	if err != nil {
		return Stream{}, fmt.Errorf("open stream of data source %s: %w", s.Name, err)
	}
	return st, nil
}

// openNext makes the stream after st.Number and moves st to it.
func openNext(ctx context.Context, tx pgx.Tx, s Source, st *Stream) error {
	previous := st.Number
	st.Number++
	_, err := tx.Exec(ctx, `
		INSERT INTO metadb.source_stream (source, stream, brokers, topics, consumer_group, from_start)
		SELECT $1, $2, $3, $4, $5, from_start OR EXISTS (SELECT FROM metadb.source_stream p
			WHERE p.source = $1 AND p.stream = $6 AND p.brokers = $3 AND p.consumer_group = $5 AND p.from_start)
		FROM metadb.source_state WHERE source = $1`,
		s.Name, st.Number, s.Brokers, s.Topics, s.ConsumerGroup, previous)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO metadb.source_offset
		SELECT (o).* FROM (
			SELECT jsonb_populate_record(o, jsonb_build_object('stream', $3::integer,
			       'next', CASE WHEN s.brokers = $4 AND s.consumer_group = $5 THEN o.next ELSE -1 END)) AS o
			FROM metadb.source_offset o
			JOIN metadb.source_stream s USING (source, stream)
			WHERE o.source = $1 AND o.stream = $2) x`,
		s.Name, previous, st.Number, s.Brokers, s.ConsumerGroup)
	if err != nil {
		return err
	}
	if previous > 0 {
		if err := markNewStream(ctx, tx, s.Name, st); err != nil {
			return err
		}
	}
	return tx.QueryRow(ctx, `
		UPDATE metadb.source_state SET stream = $2, from_start = false, generation = generation + 1 WHERE source = $1 RETURNING generation`,
		s.Name, st.Number).Scan(&st.Generation)
}
