package realkafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// tables of the source, with what they begin with.
const tables = `
CREATE SCHEMA lib;
CREATE TABLE lib.item (id integer PRIMARY KEY, title text NOT NULL, price numeric(10,2), bought timestamptz, ean uuid, doc jsonb, cover bytea, tags text[]);
CREATE TABLE lib.loan (item integer, who text, since date, returned boolean NOT NULL DEFAULT false, PRIMARY KEY (item, who));
CREATE TABLE lib.visit (at timestamp, gate smallint, weight double precision);
ALTER TABLE lib.visit REPLICA IDENTITY FULL;
CREATE TABLE lib.sentinel (id integer PRIMARY KEY);
INSERT INTO lib.item SELECT i, 'title ' || i, i * 1.25, '2024-02-29 12:00:00.123456+00'::timestamptz + i * interval '1 hour', gen_random_uuid(),
    jsonb_build_object('n', i, 'list', ARRAY[i, NULL]), decode(lpad(to_hex(i), 8, '0'), 'hex'), ARRAY['a', NULL, 'c' || i] FROM generate_series(1, 500) i;
INSERT INTO lib.loan SELECT i, 'reader ' || i % 7, '2025-01-01'::date + i FROM generate_series(1, 300) i;
INSERT INTO lib.visit SELECT '2025-06-01'::timestamp + i * interval '1 minute', i % 3, i / 7.0 FROM generate_series(1, 200) i;`

// sourceDatabase is a connection to a PostgreSQL whose changes can be followed.
func sourceDatabase(t *testing.T) *pgx.Conn {
	t.Helper()
	const user, password = "postgres", "source"
	server, err := localpg.Start(t.Context(), localpg.Options{User: user, Password: password, Log: t.Output(), Settings: map[string]string{
		"wal_level": "logical", "timezone": "UTC", "max_slot_wal_keep_size": "1GB", "fsync": "off", "log_min_messages": "fatal",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// connector is the configuration of the manual for Debezium 3.
func connector(conn *pgx.Conn) map[string]string {
	c := conn.Config()
	return map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
		"database.hostname": c.Host, "database.port": fmt.Sprint(c.Port), "database.user": c.User, "database.password": c.Password, "database.dbname": c.Database,
		"topic.prefix": "metadb_lib_1", "plugin.name": "pgoutput", "slot.name": "metadb_lib_1", "publication.name": "metadb_lib_1",
		"publication.autocreate.mode": "filtered", "schema.include.list": "lib", "snapshot.mode": "initial", "skipped.operations": "none",
	}
}

// TestDebezium streams a source that changes all the time, through a real connector
// and a real broker with SASL and TLS, into a warehouse.  The connector's worker and
// the server are killed meanwhile.  At the end current rows equal the source's, and
// histories have neither gaps nor overlaps.
func TestDebezium(t *testing.T) {
	t.Parallel()
	long(t)
	source := sourceDatabase(t)
	execute(t, source, tables)
	broker := Start(t)
	connect := broker.StartConnect(t)
	connect.Create("lib", connector(source))

	server, warehouse := overWarehouse(t)
	secrets := server.Dir() + "/secrets"
	write(t, secrets, "ca.pem", string(broker.Authority.PEM))
	write(t, secrets, "password", Password)
	server.Start()
	server.PSQL(fmt.Sprintf(`CREATE DATA SOURCE lib TYPE kafka OPTIONS (brokers '%s', topics '^metadb_lib_1\.', consumer_group 'lib',
		security 'sasl_ssl', ca_file 'ca.pem', sasl_mechanism 'SCRAM-SHA-512', sasl_username '%s', sasl_password 'file:password');`, broker.SASLTLS, User))
	server.WaitFor(patience, "500", "SELECT count(*) FROM lib.item")

	random := rand.New(rand.NewPCG(1, 2))
	for step := range 6 {
		for range 150 {
			execute(t, source, change(random))
		}
		switch step {
		case 1:
			execute(t, source, "ALTER TABLE lib.item ADD COLUMN shelf text; UPDATE lib.item SET shelf = 'north' WHERE id % 3 = 0")
		case 2:
			server.Kill()
			execute(t, source, "TRUNCATE lib.loan")
		case 3:
			server.Start()
		case 4:
			connect.Restart()
			connect.Create("lib", connector(source))
		}
	}
	execute(t, source, "INSERT INTO lib.sentinel VALUES (1)")
	server.WaitFor(patience, "1", "SELECT count(*) FROM lib.sentinel")
	server.WaitFor(patience, "0", "SELECT lag FROM metadb.status")

	for _, table := range []string{"item", "loan", "visit"} {
		want, got := rows(t, source, table), rows(t, warehouse, table)
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("current rows of lib.%s, %d (-source +warehouse):\n%s", table, len(want), diff)
		}
	}
	for table, key := range map[string]string{"item": "id", "loan": "item, who"} {
		var wrong int
		err := warehouse.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*) FROM (
			SELECT __current, __start, __end, lead(__start) OVER w AS next FROM lib.%s__ WINDOW w AS (PARTITION BY %s ORDER BY __start, __id)) v
			WHERE __end > next OR __current AND next IS NOT NULL OR __end < __start`, table, key)).Scan(&wrong)
		if err != nil || wrong > 0 {
			t.Errorf("history of lib.%s: %d versions overlap, error %v", table, wrong, err)
		}
	}
	if letters := strings.TrimSpace(server.PSQL("SELECT count(*) FROM metadb.dead_letters", "-A", "-t")); letters != "0" {
		t.Errorf("%s dead letters:\n%s", letters, server.PSQL("LIST dead_letters", "-x"))
	}
}

// overWarehouse is a server, not started, and a connection to its empty warehouse.
func overWarehouse(t *testing.T) (*instance.Instance, *pgx.Conn) {
	t.Helper()
	db := pgtest.Database(t)
	server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	return server, db.Conn(t)
}

// change is a random change of the source, one transaction.
func change(r *rand.Rand) string {
	id, who := 1+r.IntN(700), r.IntN(7)
	switch r.IntN(10) {
	case 0, 1:
		return fmt.Sprintf("INSERT INTO lib.item (id, title, price) VALUES (%d, 'new', 0.10) ON CONFLICT (id) DO UPDATE SET price = lib.item.price + 0.10", id)
	case 2, 3:
		return fmt.Sprintf("UPDATE lib.item SET title = title || 'x', doc = jsonb_build_object('at', now()), bought = now() WHERE id = %d", id)
	case 4:
		return fmt.Sprintf("DELETE FROM lib.item WHERE id = %d", id)
	case 5:
		return fmt.Sprintf("UPDATE lib.item SET id = id + 1000 WHERE id = %d AND NOT EXISTS (SELECT FROM lib.item WHERE id = %[1]d + 1000)", id)
	case 6:
		return fmt.Sprintf("INSERT INTO lib.loan (item, who, since) VALUES (%d, 'reader %d', current_date) ON CONFLICT (item, who) DO UPDATE SET returned = NOT lib.loan.returned", id, who)
	case 7:
		return fmt.Sprintf("UPDATE lib.loan SET who = who || '+' WHERE item = %d", id)
	case 8:
		return fmt.Sprintf("DELETE FROM lib.visit WHERE gate = %d AND at = (SELECT min(at) FROM lib.visit WHERE gate = %[1]d)", id%3)
	}
	return fmt.Sprintf("BEGIN; INSERT INTO lib.visit VALUES (clock_timestamp(), %d, random()); UPDATE lib.visit SET weight = weight + 1 WHERE gate = %[1]d AND weight < 5; "+
		"DELETE FROM lib.loan WHERE item BETWEEN %d AND %[2]d + 3; COMMIT", id%3, id)
}

// rows are the current rows of a table, without the columns that the warehouse adds.
func rows(t *testing.T, conn *pgx.Conn, table string) []string {
	t.Helper()
	execute(t, conn, "SET timezone = 'UTC'")
	found, err := conn.Query(t.Context(), "SELECT (to_jsonb(x) - ARRAY['__id', '__start', '__end', '__current', '__origin'])::text FROM lib."+table+" x")
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
