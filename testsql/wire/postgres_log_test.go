package wire

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/cmd/metadb/localpg"
	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
)

// planted is a part of each secret.
const planted = "mArKeRoFsEcReT"

// TestPostgresLogHasNoSecrets lets PostgreSQL log all that it can, and gives each
// statement that takes secrets, right ones and wrong ones, in both protocols.
func TestPostgresLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	log := &lockedLog{}
	postgres, err := localpg.Start(t.Context(), localpg.Options{Packaged: os.Getenv(pgtest.EnvVersion), Log: log, Settings: map[string]string{
		"log_statement": "all", "log_min_duration_statement": "0", "log_parameter_max_length": "-1", "log_parameter_max_length_on_error": "-1",
		"log_min_error_statement": "debug5", "log_min_messages": "debug1", "log_error_verbosity": "verbose", "fsync": "off",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := postgres.Close(); err != nil {
			t.Error(err)
		}
	})
	db := (&pgtest.DB{URL: postgres.URL("postgres")}).Conn(t)
	if _, err := db.Exec(t.Context(), "CREATE DATABASE warehouse"); err != nil {
		t.Fatal(err)
	}
	server := instance.New(t, instance.Warehouse{Host: postgres.Host(), Port: postgres.Port(), Database: "warehouse", User: postgres.User(), Password: postgres.Password()})
	server.Start()
	conn := server.Dial()
	good, bad := 0, 0
	run := func(sql string, options ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, options...); err != nil {
			bad++
		} else {
			good++
		}
	}
	const sasl = "brokers '127.0.0.1:1', security 'sasl_ssl', sasl_mechanism 'PLAIN', sasl_username 'u', sasl_password "
	const bearer = "brokers '127.0.0.1:1', security 'sasl_ssl', sasl_mechanism 'OAUTHBEARER', "
	literal := "'" + planted + "'"
	modes := []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec}
	for i, mode := range modes {
		name := fmt.Sprint("s", i)
		for _, sql := range []string{
			// well formed, and done
			"CREATE DATA SOURCE " + name + " TYPE kafka OPTIONS (" + sasl + literal + ")",
			"CREATE DATA SOURCE " + name + "t TYPE kafka OPTIONS (" + bearer + "sasl_oauthbearer_token $q$" + planted + "$q$)",
			"CREATE DATA SOURCE " + name + "c TYPE kafka OPTIONS (" + bearer + "sasl_oauthbearer_token_endpoint_url 'https://x', sasl_oauthbearer_client_id 'c', sasl_oauthbearer_client_secret E'" + planted + "')",
			"ALTER DATA SOURCE " + name + " OPTIONS (SET sasl_password " + literal + ")",
			// well formed, and refused by the routine
			"CREATE DATA SOURCE " + name + " TYPE kafka OPTIONS (" + sasl + literal + ")",
			"ALTER DATA SOURCE none OPTIONS (SET sasl_password " + literal + ")",
			"ALTER DATA SOURCE " + name + " OPTIONS (ADD sasl_password " + literal + ")",
			// PostgreSQL's own
			"CREATE ROLE " + name + " LOGIN PASSWORD " + literal,
			"ALTER USER " + name + " WITH ENCRYPTED PASSWORD E'" + planted + "'",
			"CREATE ROLE " + name + " PASSWORD " + literal,
			"ALTER ROLE nobody PASSWORD " + literal + " VALID",
			// wrong
			"CREATE DATA SOURCE x TYPE kafka OPTIONS (" + sasl + literal,
			"CREATE DATA SOURCE x TYPE kafka OPTIONS (" + sasl + "'" + planted + ")",
			"CREATE DATA SOURCE x TYPE kafka OPTIONS (" + sasl + "\"" + planted + "\")",
			"CREATE DATA SOURCE x TYPE kafka OPTIONS (" + sasl + planted + ")",
			"CREATE DATA SOURCE x TYPE kafka OPTIONS (sasl_pasword " + literal + ")",
			"CREATE DATA SORCE x TYPE kafka OPTIONS (sasl_password " + literal + ")",
			"CREATE DATA SOURCE x TYPE kafak OPTIONS (sasl_password " + literal + ")",
			"ALTER DATA SOURCE " + name + " OPTIONS (SET sasl_password E'" + planted + "\\u1')",
			"ALTER DATA SOURCE " + name + " OPTIONS SET sasl_password " + literal,
		} {
			run(sql, mode)
		}
		run("ALTER DATA SOURCE "+name+" OPTIONS (SET sasl_username $1, SET sasl_password $2)", mode, "who", planted)
		run("ALTER DATA SOURCE none OPTIONS (SET sasl_password $1)", mode, planted)
	}
	simple := pgx.QueryExecModeSimpleProtocol
	run("BEGIN; ALTER DATA SOURCE s0 OPTIONS (SET sasl_password "+literal+"); SELECT 1/0", simple)
	run("CREATE DATA ORIGIN o; ALTER DATA SOURCE s0 OPTIONS (SET sasl_password "+literal+")", simple) // refused: the transaction has failed
	run("ROLLBACK", simple)
	run("CREATE USER x PASSWORD "+literal+"; LIST nothing", simple)
	run("CREATE USER x PASSWORD "+literal+"; SELECT nosuch; LIST status", simple)
	run("SELECT 1; ALTER DATA SOURCE s0 OPTIONS (SET sasl_pasword "+literal+")", simple)
	run("SET standard_conforming_strings = off", simple)
	run("ALTER DATA SOURCE s0 OPTIONS (SET sasl_password 'a\\n"+planted+"')", simple)
	run("SET standard_conforming_strings = on; SET ROLE pg_monitor", simple)
	run("ALTER DATA SOURCE s0 OPTIONS (SET sasl_password "+literal+")", simple)
	run("RESET ROLE", simple)
	if good < 31 || bad < 60 {
		t.Errorf("%d statements did what they should, %d failed", good, bad)
	}
	const last = "this is the last statement"
	run("SELECT '"+last+"'", simple)
	for deadline := time.After(30 * time.Second); !strings.Contains(log.String(), last); {
		select {
		case <-deadline:
			t.Fatal("the log does not hold the last statement")
		case <-time.After(5 * time.Millisecond):
		}
	}
	text := log.String()
	if !strings.Contains(text, "CALL metadb.alter_data_source(") || !strings.Contains(text, "sealed:") || !strings.Contains(text, "parameters: $1 = 'who'") {
		t.Error("PostgreSQL logs neither statements nor parameters")
	}
	for i := strings.Index(text, planted); i >= 0; i = -1 {
		t.Errorf("%d secrets in PostgreSQL's log, the first in …%s…", strings.Count(text, planted), text[max(0, i-300):i+50])
	}
	var stored int
	if err := (&pgtest.DB{URL: postgres.URL("warehouse")}).Conn(t).QueryRow(t.Context(),
		"SELECT count(*) FROM metadb.source s WHERE s::text LIKE '%sealed:%' AND s::text NOT LIKE '%"+planted+"%'").Scan(&stored); err != nil || stored != 12 {
		t.Errorf("%d sources with sealed secrets, %v", stored, err)
	}
}

// lockedLog is what PostgreSQL has written.
type lockedLog struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
