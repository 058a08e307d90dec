package pgtest

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Prepare fills an empty database, of which tests get copies, over a connection to it.
// With connect it may open more of them.
type Prepare func(ctx context.Context, conn *pgx.Conn, connect func(context.Context) (*pgx.Conn, error)) error

// template is the database of this test process that tests get copies of.
var template prepared

// prepared is a database made at first use.
type prepared struct {
	once sync.Once
	name string
	err  error
}

// Prepared makes a database for the test as prepare has made it, and drops it at the
// end. All tests of a process give the same function: it runs once, which is what
// makes this quicker than an empty database.
func Prepared(t testing.TB, prepare Prepare) *DB {
	t.Helper()
	admin, err := shared.address()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	template.once.Do(func() { template.name, template.err = makeTemplate(admin, prepare) })
	if template.err != nil {
		t.Fatalf("pgtest: %v", template.err)
	}
	return copied(t, template.name)
}

// makeTemplate creates the database. The context is not that of the test which comes
// first: the others depend on it, too.
func makeTemplate(admin string, prepare Prepare) (name string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	name = "template_" + strings.ToLower(rand.Text())
	db, err := describe(admin, name)
	if err != nil {
		return "", err
	}
	if err := create(ctx, admin, name, "template0"); err != nil {
		return "", err
	}
	connect := func(ctx context.Context) (*pgx.Conn, error) { return pgx.Connect(ctx, db.URL) }
	conn, err := connect(ctx)
	if err != nil {
		return name, err
	}
	defer func() { _ = conn.Close(ctx) }()
	return name, prepare(ctx, conn, connect)
}

// close drops the database, for a server that outlives the process.
func (p *prepared) close() error {
	p.once.Do(func() {}) // nothing is made from here on
	if p.name == "" {
		return nil
	}
	return drop(shared.url, p.name)
}
