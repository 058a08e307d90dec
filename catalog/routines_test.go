package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestRoutines(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	steps := []struct {
		sql, code, message string
	}{
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY['brokers','b:1','topics','^t'])", "", ""},
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[])", "42710", `data source "s" already exists`},
		{"CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[], true)", "", ""},
		{"CALL metadb.create_data_source('second', 'kafka', ARRAY['module','folio'])", "", ""},
		{"CALL metadb.create_data_source('x', 'mqtt', ARRAY[]::text[])", "22023", `invalid data source type "mqtt"`},
		{"CALL metadb.create_data_source('x', 'kafka', ARRAY['broker','b'])", "22023", `invalid option "broker"`},
		{"CALL metadb.alter_data_source('nope', ARRAY['set','topics','x'])", "42704", `data source "nope" does not exist`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','topics','^u', 'add','module','folio'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['set','topics','^u'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['add','topics','^v'])", "42710", `option "topics" provided more than once`},
		{"CALL metadb.alter_data_source('s', ARRAY['drop','module',''])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['drop','module',''])", "42704", `option "module" not found`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','sync','0'])", "22023", `invalid option "sync"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_value','null', 'set','on_bad_event','stop', 'set','dead_letter_limit','5'])", "", ""},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_value','nil'])", "22023", `invalid value for option "on_bad_value": "nil"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','on_bad_event','Stop'])", "22023", `invalid value for option "on_bad_event": "Stop"`},
		{"CALL metadb.alter_data_source('s', ARRAY['set','dead_letter_limit','-1'])", "22023", `invalid value for option "dead_letter_limit": "-1"`},
		{"CALL metadb.create_data_source('x', 'kafka', ARRAY['dead_letter_limit','0'])", "22023", `invalid value for option "dead_letter_limit": "0"`},
		{"CALL metadb.enable_data_source('s', false)", "", ""},
		{"CALL metadb.enable_data_source('s', false)", "", ""},
		{"CALL metadb.enable_data_source('nope', true)", "42704", `data source "nope" does not exist`},
		{"CALL metadb.replay_dead_letters('s')", "", ""},
		{"CALL metadb.replay_dead_letters('s', ARRAY[7])", "42704", `dead letter 7 of data source "s" does not exist`},
		{"CALL metadb.replay_dead_letters('nope')", "42704", `data source "nope" does not exist`},
		{"CALL metadb.create_data_origin('west')", "", ""},
		{"CALL metadb.create_data_origin('west')", "42710", `data origin "west" already exists`},
		{"CALL metadb.create_data_origin(repeat('x', 64))", "42622", `data origin name "` + strings.Repeat("x", 64) + `" too long`},
		{"CALL metadb.drop_data_source('second')", "", ""},
		{"CALL metadb.drop_data_source('second')", "42704", `data source "second" does not exist`},
		{"CALL metadb.drop_data_source('second', true)", "", ""},
	}
	for _, s := range steps {
		if code, message := i.state(s.sql); code != s.code || message != s.message {
			t.Errorf("%s:\n got %s %q\nwant %s %q", s.sql, code, message, s.code, s.message)
		}
	}
	got := i.text("SELECT concat_ws('|', name, brokers, security, topics, module, enable, on_bad_value, on_bad_event, dead_letter_limit) FROM metadb.data_sources")
	if got != "s|b:1|ssl|^u||f|null|stop|5" {
		t.Errorf("data source %q", got)
	}
}

func TestOnlyTheAdminRoleMay(t *testing.T) {
	t.Parallel()
	i := newInitialized(t)
	user := pgx.Identifier{"user_" + i.db.Name}.Sanitize()
	super := i.db.Conn(t)
	if _, err := super.Exec(t.Context(), "CREATE ROLE "+user); err != nil {
		t.Fatal(err)
	}
	try := func() string {
		_, err := super.Exec(t.Context(), "SET ROLE "+user+"; CALL metadb.create_data_source('s', 'kafka', ARRAY[]::text[]); TABLE metadb.status")
		_, reset := super.Exec(t.Context(), "RESET ROLE")
		if reset != nil {
			t.Fatal(reset)
		}
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return pg.Code
		}
		return fmt.Sprint(err)
	}
	if got := try(); got != "42501" {
		t.Errorf("without the role: %s, want 42501", got)
	}
	if _, err := super.Exec(t.Context(), "GRANT "+AdminRole+" TO "+user); err != nil {
		t.Fatal(err)
	}
	if got := try(); got != "<nil>" {
		t.Errorf("with the role: %s", got)
	}
}
