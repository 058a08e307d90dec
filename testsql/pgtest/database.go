package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cleanupTime bounds the dropping of a database, after the test's own context
// has ended.
const cleanupTime = time.Minute

// DB is the database of one test, reached as superuser with a password.
type DB struct {
	URL      string
	Host     string
	Port     int
	Name     string
	User     string
	Password string
}

// Database makes an empty database for the test and drops it at the end.
func Database(t testing.TB) *DB {
	t.Helper()
	return copied(t, "template0")
}

// copied makes a copy of a database for the test and drops it at the end.
func copied(t testing.TB, template string) *DB {
	t.Helper()
	admin, err := shared.address()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	db, err := describe(admin, name)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	if err := create(t.Context(), admin, name, template); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := drop(admin, name); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return db
}

func create(ctx context.Context, admin, name, template string) error {
	return execute(ctx, admin, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE "+pgx.Identifier{template}.Sanitize())
}

func drop(admin, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
	defer cancel()
	return execute(ctx, admin, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
}

// describe derives a database's address from the superuser's.
func describe(admin, name string) (*DB, error) {
	config, err := pgx.ParseConfig(admin)
	if err != nil {
		return nil, fmt.Errorf("superuser's URL: %w", err)
	}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(config.User, config.Password),
		Host:   net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))),
		Path:   "/" + name,
	}
	return &DB{
		URL:      u.String(),
		Host:     config.Host,
		Port:     int(config.Port),
		Name:     name,
		User:     config.User,
		Password: config.Password,
	}, nil
}

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, address, sql string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// Conn opens a connection, closed at the end of the test.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.URL)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTime)
		defer cancel()
		_ = conn.Close(ctx) // the test may have broken it on purpose
	})
	return conn
}

// Pool opens a pool of connections, closed at the end of the test.
func (db *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), db.URL)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}
