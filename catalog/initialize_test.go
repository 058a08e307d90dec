package catalog

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestInitializeAgainNeedsNoSuperuser(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	i.initialize(func(context.Context) (*pgx.Conn, error) { return nil, errors.New("no superuser any more") })
	if got := i.text("SELECT dbversion::text FROM metadb.init"); got != "34" {
		t.Errorf("dbversion %s", got)
	}
}

func TestTakesOverTheCatalogOf14(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	// What a 1.4 server leaves: its own tables, nothing of ours.
	if _, err := i.db.Conn(t).Exec(t.Context(), `DROP SCHEMA metadb CASCADE; CREATE SCHEMA metadb AUTHORIZATION `+
		pgx.Identifier{i.system.User}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	baseline, err := migrations.ReadFile("migrations/001_metadb_1_4.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.pool.Exec(t.Context(), string(baseline)+`;
		INSERT INTO metadb.source (name, enable, brokers, sync) VALUES ('old', true, 'k:9092', 0);
		UPDATE metadb.config SET value = '1000' WHERE parameter = 'checkpoint_segment_size'`); err != nil {
		t.Fatal(err)
	}
	i.initialize(func(context.Context) (*pgx.Conn, error) { return nil, errors.New("no superuser needed") })
	if got := i.text("SELECT name || source_sync FROM metadb.status"); got != "oldnormal" {
		t.Errorf("status %s", got)
	}
	if got := i.text("SELECT value FROM metadb.config WHERE parameter = 'checkpoint_segment_size'"); got != "1000" {
		t.Errorf("configuration %s", got)
	}
}

func TestRefusesAnotherVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]string{33: "33 != 34 (upgrade", 35: "35 != 34"} {
		i := newInitialized(t)
		if _, err := i.pool.Exec(t.Context(), "UPDATE metadb.init SET dbversion = $1", version); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.ConnectConfig(t.Context(), i.system)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := Initialize(t.Context(), conn, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
