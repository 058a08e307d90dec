package catalog

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// initialized is a database whose system user is an ordinary role of its own.
type initialized struct {
	*testing.T
	db     *pgtest.DB
	system *pgx.ConnConfig
	pool   *pgxpool.Pool
}

func newInitialized(t *testing.T) *initialized {
	t.Helper()
	i := &initialized{T: t, db: pgtest.Database(t)}
	role := "sys_" + i.db.Name
	super := i.db.Conn(t)
	for _, sql := range []string{
		"CREATE ROLE " + pgx.Identifier{role}.Sanitize() + " LOGIN PASSWORD 'pw'",
		"ALTER DATABASE " + pgx.Identifier{i.db.Name}.Sanitize() + " OWNER TO " + pgx.Identifier{role}.Sanitize(),
	} {
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	config, err := pgxpool.ParseConfig(i.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.User, config.ConnConfig.Password = role, "pw"
	i.system = config.ConnConfig
	i.initialize(func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, i.db.URL) })
	if i.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.pool.Close)
	return i
}

func (i *initialized) initialize(superuser func(context.Context) (*pgx.Conn, error)) {
	i.Helper()
	conn, err := pgx.ConnectConfig(i.Context(), i.system)
	if err != nil {
		i.Fatal(err)
	}
	defer conn.Close(i.Context())
	if err := Initialize(i.Context(), conn, superuser); err != nil {
		i.Fatalf("initialize: %v", err)
	}
}

func (i *initialized) text(sql string, args ...any) string {
	i.Helper()
	var s string
	if err := i.pool.QueryRow(i.Context(), sql, args...).Scan(&s); err != nil {
		i.Fatalf("%s: %v", sql, err)
	}
	return s
}

// state runs a statement and returns its SQLSTATE and message; "" for success.
func (i *initialized) state(sql string, args ...any) (code, message string) {
	i.Helper()
	_, err := i.pool.Exec(i.Context(), sql, args...)
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code, pg.Message
	}
	if err != nil {
		i.Fatalf("%s: %v", sql, err)
	}
	return "", ""
}
