package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/broker"
	"metadb/testsql/process"
	"metadb/testsql/psql"
)

// errStopped says that the user ended the demo.
var errStopped = errors.New("stopped")

// Names in the demo's warehouse, and the user that is shown.
const (
	database = "metadb"
	userName = "demo"
	password = "demo" // of a server that listens on 127.0.0.1 and holds a recording
)

// recording is what is played, and the regular expression of its tables' topics.
const (
	recording = "shop"
	topics    = `^metadb_shop_1\.`
)

// demo is what is running.
type demo struct {
	options
	out    io.Writer
	broker *broker.Broker
	port   int // of the server
	psql   func() (program string, missing error)
}

// run sets everything up, shows it, and takes it down when ctx ends.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	d := &demo{options: o, out: out}
	dir, err := os.MkdirTemp("", "metadb-demo-")
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, os.RemoveAll(dir)); err == nil || errors.Is(err, errStopped) {
			d.say("\nEverything has ended; nothing is left behind.\n")
		}
	}()
	ctx, cancelFetch := context.WithCancel(ctx)
	defer cancelFetch()
	d.findPsql(ctx)
	d.say("Metadb demo. Everything runs on this machine and is removed at the end.\n\n")

	warehouse, err := startWarehouse(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, warehouse.pg.Close()) }()
	d.say("  PostgreSQL  127.0.0.1:%d\n", warehouse.pg.Port())

	if d.broker, err = broker.Start(ctx, 0, ""); err != nil {
		return stopped(ctx, err)
	}
	defer d.broker.Close()
	d.say("  Kafka       %s\n", d.broker.Addr())

	server, err := d.startServer(ctx, dir, warehouse)
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	d.say("  Metadb      127.0.0.1:%d\n", d.port)

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		<-server.Exited()
		cancel(server.Err())
	}()
	if err := d.show(ctx, warehouse); err != nil {
		return stopped(ctx, err)
	}
	return nil
}

// stopped tells the end that the user wanted from one that came of itself.
func stopped(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, context.Canceled):
		return errStopped
	default:
		return cause
	}
}

// show streams the recording and prints how to look at it.
func (d *demo) show(ctx context.Context, w *warehouse) error {
	if err := w.addUser(ctx); err != nil {
		return err
	}
	conn, err := d.connect(ctx, userName, password)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// The positions are for the system user's eyes.
	system, err := d.connect(ctx, systemUser, w.systemPassword)
	if err != nil {
		return err
	}
	defer func() { _ = system.Close(context.WithoutCancel(ctx)) }()

	shop, err := readShop()
	if err != nil {
		return err
	}
	if err := shop.makeTopics(ctx, d.broker.Addr()); err != nil {
		return err
	}
	played := make(chan error, 1)
	go func() {
		_, err := broker.Play(ctx, d.broker.Addr(), []string{recording}, d.rate)
		played <- err
	}()
	if err := d.createSource(ctx, conn); err != nil {
		return err
	}
	if err := d.follow(ctx, system, shop.records, played); err != nil {
		return err
	}
	shown, err := d.explain(ctx, conn)
	if err != nil || d.once {
		return err
	}
	return d.goOn(ctx, shop, shown)
}

// connect connects through the server's port; the server knows the simple
// protocol and the extended one, and people's psql uses the simple one.
func (d *demo) connect(ctx context.Context, user, password string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(d.url(user, password))
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	return pgx.ConnectConfig(ctx, config)
}

func (d *demo) url(user, password string) string {
	return fmt.Sprintf("postgresql://%s:%s@127.0.0.1:%d/%s", user, password, d.port, database)
}

// createSource runs the statement that it prints.
func (d *demo) createSource(ctx context.Context, conn *pgx.Conn) error {
	sql := fmt.Sprintf(`CREATE DATA SOURCE shop TYPE kafka OPTIONS (
    brokers '%s',
    security 'plaintext',
    topics '%s',
    consumer_group 'demo',
    schema_stop_filter 'admin'
)`, d.broker.Addr(), topics)
	d.say("\n%s;\n", sql)
	tag, err := conn.Exec(ctx, sql)
	if err != nil {
		return fmt.Errorf("create the data source: %w", err)
	}
	d.say("%s\n\n", tag)
	return nil
}

// explain prints the lines to try, and returns the customer that they show.
func (d *demo) explain(ctx context.Context, conn *pgx.Conn) (int64, error) {
	var customer, versions, rows, all int64
	err := conn.QueryRow(ctx, `
		SELECT id, count(*), (SELECT count(*) FROM shop.customers), (SELECT count(*) FROM shop.customers__)
		FROM shop.customers__ GROUP BY id ORDER BY count(*) DESC, id LIMIT 1`).Scan(&customer, &versions, &rows, &all)
	if err != nil {
		return 0, fmt.Errorf("read the customers: %w", err)
	}
	d.say("\nTable shop.customers has %d rows; shop.customers__ has all %d versions of them.\n", rows, all)
	d.say("The %d versions of customer %d:\n\n", versions, customer)
	url := d.url(userName, password)
	program, missing := d.psql()
	d.say("  %s \"%s\" -c \"SELECT __start, __end, __current, id, credit, note FROM shop.customers__ WHERE id = %d ORDER BY __start\"\n\n",
		program, url, customer)
	d.say("To look around, and to try statements such as LIST STATUS:\n\n  %s \"%s\"\n\n", program, url)
	if missing != nil {
		d.say("psql is not here: %v.\n%s,\nor use another PostgreSQL client with the address above.\n\n", missing, psql.Advice)
	}
	return customer, nil
}

// findPsql looks for psql, and fetches it if need be, while the rest begins.
func (d *demo) findPsql(ctx context.Context) {
	found := make(chan struct{})
	program, err := "psql", error(nil)
	go func() {
		defer close(found)
		if p, failed := psql.Find(ctx); failed != nil {
			err = failed
		} else {
			program = shellWord(p)
		}
	}()
	d.psql = func() (string, error) {
		<-found
		return program, err
	}
}

// shellWord quotes a path for a shell, if it must be.
func shellWord(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+", r)
	}) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }

// usualPort is where the server listens by default.
const usualPort = 8550

// startServer starts the server on the wanted port, else on the usual one if
// nobody has it, else on any free one.
func (d *demo) startServer(ctx context.Context, dir string, w *warehouse) (*process.Server, error) {
	bin, err := filepath.Abs(d.metadb)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, fmt.Errorf("the server is not built (make build): %w", err)
	}
	data, log := filepath.Join(dir, "data"), filepath.Join(dir, "server.log")
	if err := process.Init(ctx, bin, data, w.conf()); err != nil {
		return nil, err
	}
	if d.options.port != 0 {
		d.port = d.options.port
		return process.Start(ctx, bin, data, log, d.port)
	}
	d.port = usualPort
	for {
		if d.port, err = process.FreePort(ctx, d.port); err != nil {
			return nil, err
		}
		s, err := process.Start(ctx, bin, data, log, d.port)
		if !errors.Is(err, process.ErrPortTaken) { // by somebody who was quicker
			return s, err
		}
		d.port = 0
	}
}
