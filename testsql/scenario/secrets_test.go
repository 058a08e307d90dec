package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"metadb/testsql/broker"
	"metadb/testsql/certs"
	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// marker is planted in every secret.
const marker = "qJwMaRkErPz"

// TestSecretsStaySecret uses every kind of secret, rightly and wrongly, with the
// server's most talkative log, and looks for them wherever something is shown.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
	server.Env = []string{"METADB_SECRET_MARK=wrong " + marker}
	pair := certs.New(t, "ours").Issue("client")
	for name, text := range map[string]string{
		"right": marker, "wrong": "wrong " + marker, "cert.pem": string(pair.Cert), "key.pem": marker + "\n" + string(pair.Key), "broken.pem": marker,
	} {
		if err := os.WriteFile(filepath.Join(server.Dir(), "secrets", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := strings.Split(string(pair.Key), "\n")[1]
	addr := guardedBroker(t)
	server.Start()

	const sasl = "security 'sasl_plaintext', sasl_mechanism 'PLAIN', sasl_username 'app', sasl_password "
	const bearer = "security 'sasl_plaintext', sasl_mechanism 'OAUTHBEARER', "
	said := ""
	for name, options := range map[string]string{
		"literal":   sasl + "'" + marker + "'",
		"reference": sasl + "'file:right'",
		"false":     sasl + "'wrong " + marker + "'",
		"file":      sasl + "'file:wrong'",
		"env":       sasl + "'env:METADB_SECRET_MARK'",
		"scram":     strings.Replace(sasl, "PLAIN", "SCRAM-SHA-512", 1) + "'wrong " + marker + "'",
		"token":     bearer + "sasl_oauthbearer_token '" + marker + "'",
		"blank":     bearer + "sasl_oauthbearer_token 'a " + marker + "'",
		"client": bearer + "sasl_oauthbearer_token_endpoint_url 'http://127.0.0.1:1/t', sasl_oauthbearer_client_id 'c', " +
			"sasl_oauthbearer_client_secret '" + marker + "'",
		"key":    "cert_file 'cert.pem', key_file 'key.pem'",
		"broken": "cert_file 'cert.pem', key_file 'broken.pem', ca_file 'broken.pem'",
	} {
		brokers := addr
		if strings.Contains(options, "cert_file") {
			brokers = "127.0.0.1:1" // the files are read before anybody answers
		}
		said += server.PSQL(fmt.Sprintf("CREATE DATA SOURCE %s TYPE kafka OPTIONS (brokers '%s', topics 'm.t', consumer_group '%[1]s', %[3]s);", name, brokers, options))
	}
	if n := strings.Count(said, "NOTICE:"); n != 6 {
		t.Errorf("%d notices that a secret stands in the catalog:\n%s", n, said)
	}
	said += server.PSQL("CREATE DATA SOURCE literal TYPE kafka OPTIONS (sasl_mechanism 'PLAIN', security 'sasl_ssl', sasl_password '" + marker + "');")
	said += server.PSQL("ALTER DATA SOURCE literal OPTIONS (ADD sasl_password '" + marker + "');")
	said += server.PSQL("ALTER DATA SOURCE nobody OPTIONS (SET sasl_password '" + marker + "');")
	said += server.PSQL("CALL metadb.create_data_source('x', 'kafka', ARRAY['sasl_password', '" + marker + "', 'no_option', '']);")
	server.WaitFor(settle, "1|1", "SELECT max(dead_letters), min(dead_letters) FROM metadb.status WHERE name IN ('literal', 'reference')")
	server.WaitFor(settle, "9", "SELECT count(*) FROM metadb.status WHERE source_stream = 'error'")
	server.Conn() // stays idle, and so in pg_stat_activity
	said += server.PSQL("LIST status; LIST data_sources; LIST dead_letters; LIST requests; LIST config; ALTER DATA SOURCE literal DISABLE; LIST data_sources;", "-x")

	for place, text := range map[string]string{"answers": withoutEcho(said), "log": server.Log()} {
		for _, secret := range []string{marker, key} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("a secret shows in %s: …%s…", place, text[max(0, i-200):i+len(secret)])
			}
		}
	}
	if !strings.Contains(said, "******") || !strings.Contains(said, "file:right") {
		t.Error("LIST data_sources shows neither stars nor references")
	}
	searchWarehouse(t, db.Conn(t))
}

// withoutEcho drops the lines in which psql repeats what was typed.
func withoutEcho(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "LINE ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// guardedBroker is a broker that asks for a password, with one bad record.
func guardedBroker(t *testing.T) (addr string) {
	t.Helper()
	k, err := broker.Start(t.Context(), 0, "", kfake.EnableSASL(), kfake.Superuser("PLAIN", "app", marker), kfake.Superuser("SCRAM-SHA-512", "app", marker))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addr()), kgo.SASL(plain.Auth{User: "app", Pass: marker}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, "m.t"); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "m.t", Value: []byte("no event")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return k.Addr()
}

// searchWarehouse looks for the marker in what PostgreSQL shows of its sessions,
// and in all tables of the catalog, which has secrets sealed only.
func searchWarehouse(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var n int
	err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity a WHERE pid <> pg_backend_pid() AND a::text LIKE '%' || $1 || '%'", marker).Scan(&n)
	if err != nil || n > 0 {
		t.Errorf("pg_stat_activity shows %d secrets, error %v", n, err)
	}
	rows, err := conn.Query(t.Context(), "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v', 'm') AND relnamespace = 'metadb'::regnamespace")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 10 {
		t.Fatalf("tables of the catalog: %v, %v", tables, err)
	}
	for _, table := range tables {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table+" x WHERE x::text LIKE '%' || $1 || '%'", marker).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			t.Errorf("%s has %d rows with a secret", table, n)
		}
	}
	var public bool
	err = conn.QueryRow(t.Context(), "SELECT has_any_column_privilege('metadb_admin', 'metadb.source', 'SELECT')").Scan(&public)
	if err != nil || public {
		t.Errorf("administrators may read the secrets: %v, %v", public, err)
	}
}
