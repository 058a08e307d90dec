package streamer

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// watchStates keeps every state that the source reports, in order.
func (b *bed) watchStates() {
	b.Helper()
	b.exec(`CREATE TABLE public.states (n bigserial, state text, reason text);
		CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO public.states (state, reason) VALUES (NEW.state, NEW.reason); RETURN NEW; END $$;
		CREATE TRIGGER keep AFTER INSERT OR UPDATE ON metadb.source_status FOR EACH ROW EXECUTE FUNCTION public.keep()`)
}

// TestReasonStands stops a source at a bad event. While it is tried again and
// again, the state does not change.
func TestReasonStands(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.watchStates()
	b.produce(item(0, "{}"), broken(), item(2, "{}"))
	b.source(`^m\.`, "on_bad_event", "stop")
	b.start()
	b.waitFor("error", "SELECT source_stream FROM metadb.status")
	b.runsAgain(3)
	if got := b.text("SELECT coalesce(string_agg(DISTINCT state, ' '), '') FROM public.states WHERE n > (SELECT min(n) FROM public.states WHERE state = 'error')"); got != "error" {
		t.Errorf("states after the error: %s", got)
	}
	b.exec("CALL metadb.alter_data_source('s', ARRAY['set', 'on_bad_event', 'set_aside'])")
	b.drained()
	b.waitFor("active|false", "SELECT source_stream || '|' || (reason LIKE '%on_bad_event%')::text FROM metadb.status")
}

// runsAgain waits until the source has begun so many more runs.
func (b *bed) runsAgain(n int) {
	b.Helper()
	b.waitFor("true", "SELECT (last_value >= "+b.text("SELECT last_value::text FROM metadb.epoch")+" + "+fmt.Sprint(n)+")::text FROM metadb.epoch")
}

// TestServerFaults has PostgreSQL refuse a table's rows as a server in trouble
// does. The source waits, says why, and goes on by itself; nothing is set aside.
func TestServerFaults(t *testing.T) {
	t.Parallel()
	for code, message := range map[string]string{
		"53100": "could not extend file: No space left on device",
		"53200": "out of memory",
		"57014": "canceling statement due to statement timeout",
		"57P01": "terminating connection due to administrator command",
		"58030": "could not write to file: Input/output error",
		"40001": "could not serialize access",
		"40P01": "deadlock detected",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.watchStates()
			b.produce(item(0, "{}"))
			b.source(`^m\.`)
			b.start()
			b.drained()
			b.exec(fmt.Sprintf(`CREATE FUNCTION public.trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%s' USING ERRCODE = '%s'; END $$;
				CREATE TRIGGER trouble BEFORE INSERT ON lib.item FOR EACH ROW EXECUTE FUNCTION public.trouble()`, message, code))
			var records []*kgo.Record
			for id := range 200 {
				records = append(records, item(id+1, "{}"))
			}
			b.produce(records...)
			b.waitFor("true", "SELECT (source_stream = 'error' AND reason LIKE '%' || $1 || '%' || $2 || '%')::text FROM metadb.status", message, code)
			b.runsAgain(2)
			if got := b.text("SELECT coalesce(string_agg(DISTINCT state, ' '), '') FROM public.states WHERE n > (SELECT min(n) FROM public.states WHERE state = 'error')"); got != "error" {
				t.Errorf("states after the error: %s", got)
			}
			b.exec("DROP TRIGGER trouble ON lib.item")
			b.drained()
			b.waitFor("active||0|201", "SELECT concat_ws('|', source_stream, reason, dead_letters, (SELECT count(*) FROM lib.item__)) FROM metadb.status")
		})
	}
}

// TestErrorKeepsItsTime reports an error again and again: it stays as old as it is,
// until it comes up anew.
func TestErrorKeepsItsTime(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.source(`^m\.`)
	r := newReport(b.cat, "s", slog.New(slog.DiscardHandler))
	shown := func() (status catalog.Status, stored string) {
		status, _, _ = r.look()
		if err := b.cat.ReportStatus(t.Context(), "s", status, 0, catalog.Counts{}); err != nil {
			t.Fatal(err)
		}
		return status, b.text("SELECT last_error_at::text FROM metadb.source_status")
	}
	for _, fail := range []func(reason string){
		func(reason string) { r.failed(errors.New(reason)) }, func(reason string) { r.broker(reason) },
	} {
		fail("first")
		status, first := shown()
		if status.State != catalog.StateError || status.FailedAt.IsZero() {
			t.Fatalf("status %+v", status)
		}
		if _, again := shown(); again != first {
			t.Errorf("the time of the error moved from %s to %s", first, again)
		}
		fail("second")
		if _, second := shown(); second <= first {
			t.Errorf("the second error is of %s, the first of %s", second, first)
		}
	}
}
