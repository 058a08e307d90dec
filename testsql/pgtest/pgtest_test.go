package pgtest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := Database(t), Database(t)
	if _, err := a.Conn(t).Exec(t.Context(), "CREATE TABLE only_in_a (i integer)"); err != nil {
		t.Fatal(err)
	}
	var inB bool
	row := b.Pool(t).QueryRow(t.Context(), "SELECT to_regclass('only_in_a') IS NOT NULL")
	if err := row.Scan(&inB); err != nil {
		t.Fatal(err)
	}
	if inB {
		t.Error("table of one database seen in another")
	}
}

func TestDatabaseAsksForPassword(t *testing.T) {
	t.Parallel()
	if os.Getenv(EnvServer) != "" {
		t.Skip("a server that was given may trust anybody")
	}
	db := Database(t)
	config, err := pgx.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.Password = db.Password + "x"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err == nil {
		_ = conn.Close(t.Context())
		t.Fatal("connected with a wrong password")
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("inner", func(t *testing.T) {
		db := Database(t)
		name = db.Name
		db.Conn(t)
	})
	var there bool
	row := Database(t).Conn(t).QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name)
	if err := row.Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there {
		t.Errorf("database %s is still there", name)
	}
}

func TestServerSurvivesKill(t *testing.T) {
	t.Parallel()
	server := Server(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := execute(ctx, server.URL("postgres"), "CREATE TABLE kept (i integer)"); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := execute(ctx, server.URL("postgres"), "SELECT 1"); err == nil {
		t.Error("server answers after it was killed")
	}
	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := execute(ctx, server.URL("postgres"), "INSERT INTO kept VALUES (1)"); err != nil {
		t.Error(err)
	}
}
