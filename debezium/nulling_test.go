package debezium

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// nullingDecoder is a decoder that makes NULLs of bad values, its log and its clock.
func nullingDecoder() (d *Decoder, log *bytes.Buffer, clock *time.Time) {
	log, clock = new(bytes.Buffer), new(time.Time)
	*clock = time.Unix(1_700_000_000, 0)
	d = NewDecoder(Options{
		NullBadValues: true, Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return *clock },
	})
	return d, log, clock
}

func TestBadValuesBecomeNull(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key, value, want string
		nulled                 int
	}{
		{"range", key(`{"id":1}`), event("c", "null", `{"id":1,"n":2147483648,"s":"x"}`),
			"change key(id=integer 1) row(id=integer 1, n=integer NULL, s=text x)", 1},
		{"type, twice", key(`{"id":1}`), event("c", "null", `{"id":1,"n":"2","s":7}`),
			"change key(id=integer 1) row(id=integer 1, n=integer NULL, s=text NULL)", 2},
		{"good", key(`{"id":1}`), event("c", "null", `{"id":1,"n":2,"s":"x"}`),
			"change key(id=integer 1) row(id=integer 1, n=integer 2, s=text x)", 0},
		{"key", key(`{"id":"1"}`), event("c", "null", `{"id":"1","n":2,"s":"x"}`), "bad type id", 0},
		{"key of a delete", key(`{"id":"1"}`), event("d", "null", "null"), "bad type id", 0},
		{"no key, both images", "", event("u", `{"id":1,"n":"0","s":""}`, `{"id":1,"n":0.5,"s":"x"}`),
			"change row(id=integer 1, n=integer NULL, s=text x) before(id=integer 1, n=integer NULL, s=text )", 2},
		{"no row is no value", key(`{"id":1}`), event("c", "null", "null"), "bad row key(id=integer 1)", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, _, _ := nullingDecoder()
			for range 2 {
				ev, got := decoded(t, d, c.key, c.value)
				if got != c.want || ev.Nulled != c.nulled {
					t.Errorf("\n got %s, %d NULLs\nwant %s, %d", got, ev.Nulled, c.want, c.nulled)
				}
			}
		})
	}
}

func TestBadValuesAreLoggedNowAndThen(t *testing.T) {
	t.Parallel()
	d, log, clock := nullingDecoder()
	bad := event("c", "null", `{"id":1,"n":"secret","s":"x"}`)
	for range 5 {
		decoded(t, d, key(`{"id":1}`), bad)
	}
	decoded(t, d, key(`{"id":1}`), event("c", "null", `{"id":1,"n":2,"s":7}`))
	*clock = clock.Add(time.Minute)
	decoded(t, d, key(`{"id":1}`), bad)
	text := log.String()
	if n := strings.Count(text, "bad value stored as NULL"); n != 3 {
		t.Errorf("%d lines, want 3:\n%s", n, text)
	}
	for _, want := range []string{"column=n rule=type values=1", "column=s rule=type values=1", "column=n rule=type values=5"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Error("the log holds a value")
	}
}
