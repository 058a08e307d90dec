package examples

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"metadb/testsql/instance"
	"metadb/testsql/kafka"
	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What the pages print, and what is another here: the broker's address and the
// consumer group, since the tests share a broker.
const (
	printedBroker = "127.0.0.1:42899"
	printedGroup  = "'demo'"
	topics        = `^metadb_shop_1\.`
)

// TestStatementPages plays every page of docs/statements on a server of its own,
// which has streamed the demo's recording unless the page says "no source".
func TestStatementPages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/statements/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	broker := playedBroker(t)
	for i, file := range pages {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			page, err := Read(file)
			if err != nil {
				t.Fatal(err)
			}
			db := pgtest.Database(t)
			server := instance.New(t, instance.Warehouse{Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password})
			server.Start()
			group := fmt.Sprintf("'dm%02d'", i)
			reader := "bi_" + db.Name // roles are of the whole cluster
			change := strings.NewReplacer(printedBroker, broker.Addr(), printedGroup, group, "ROLE bi ", "ROLE "+reader+" ", "TO bi;", "TO "+reader+";")
			conn := db.Conn(t)
			t.Cleanup(func() {
				if _, err := conn.Exec(context.Background(), "DROP ROLE IF EXISTS "+reader); err != nil {
					t.Error(err)
				}
			})
			back := strings.NewReplacer(broker.Addr(), printedBroker, strings.Trim(group, "'"), "demo")
			p := startPSQL(t, server.Address(db.User, db.Password))
			if !slices.Contains(page.Notes, "no source") {
				p.run(change.Replace(createShop))
				drained(t, conn, broker)
			}
			played := 0
			for _, b := range page.Blocks {
				steps := b.Steps()
				p.play(steps, change, back)
				played += len(steps)
				if b.Language == "sql" {
					played++
					if answer := p.run(change.Replace(b.Text)); strings.Contains(answer, "ERROR:") {
						t.Errorf("line %d:\n%s", b.Line, answer)
					}
				}
			}
			if played == 0 {
				t.Error("the page has no example")
			}
		})
	}
}

// createShop is the demo's statement.
const createShop = `CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '` + printedBroker + `', security 'plaintext',
	topics '` + topics + `', consumer_group ` + printedGroup + `, schema_stop_filter 'admin');`

// playedBroker is a broker that holds the demo's recording.
func playedBroker(t *testing.T) *kafka.Broker {
	t.Helper()
	b := kafka.Start(t, kafka.Options{Play: []string{"shop"}})
	if err := b.WaitPlayed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// connect connects to Postgres itself.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// drained waits until everything that the broker has is in the warehouse.
func drained(t *testing.T, conn *pgx.Conn, broker *kafka.Broker) {
	t.Helper()
	matches, want := regexp.MustCompile(topics), int64(0)
	for topic, parts := range broker.EndOffsets() {
		if matches.MatchString(topic) {
			for _, end := range parts {
				want += end
			}
		}
	}
	got := int64(0)
	if !poll.Until(t.Context(), 20*time.Millisecond, patient, func() bool {
		err := conn.QueryRow(t.Context(), "SELECT coalesce(sum(next), 0)::bigint FROM metadb.source_offset").Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
		return got == want
	}) {
		t.Fatalf("at %d of %d records", got, want)
	}
}

// TestFits holds the rules of comparing a printed answer with a real one.
func TestFits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		printed, answer string
		fits            bool
	}{
		{"a\n", "a\n\n", true},
		{"a \n", "a\n", true},
		{" a  | b\n----+---\n", " a | b\n---+---\n", true},
		{"a\n", "b\n", false},
		{"a.\n", "ab\n", false},
		{"a\n", "a\nb\n", false},
		{"", "", true},
		{"", "a\n", false},
		{"a … c\n", "a b c\n", true},
		{"a | …\n", "a |\n", true},
		{"a…\n", "ab\n", true},
		{"a … c\n", "a b\nc\n", false},
		{"a\n…\nd\n", "a\nb\nc\nd\n", true},
		{"a\n…\nd\n", "a\nd\n", true},
		{"a\n…\n", "b\n", false},
	} {
		if got := (Step{Answer: tt.printed}).Fits(tt.answer); got != tt.fits {
			t.Errorf("%q fits %q: %t", tt.answer, tt.printed, got)
		}
	}
}
