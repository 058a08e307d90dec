package debezium

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/change"
	"metadb/testsql/captures"
	"metadb/testsql/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// copyBinary is the stream of COPY … (FORMAT binary) for rows of n columns.
func copyBinary(n int, rows []change.Tuple) []byte {
	out := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	for _, r := range rows {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
		for len(r) > 0 {
			var v []byte
			var length int32
			v, length, r = r.Next()
			if length < 0 {
				out = change.AppendNull(out)
			} else {
				out = change.AppendField(out, v)
			}
		}
	}
	return append(out, 0xff, 0xff)
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	for _, s := range []string{"SET timezone = 'UTC'", "SET extra_float_digits = 1", "SET bytea_output = hex"} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func columns(shape *change.Shape) string {
	var list []string
	for _, c := range shape.Columns {
		list = append(list, pgx.Identifier{c.Name}.Sanitize())
	}
	return strings.Join(list, ", ")
}

func load(t *testing.T, conn *pgx.Conn, table string, shape *change.Shape, rows []change.Tuple) {
	t.Helper()
	var list []string
	for _, c := range shape.Columns {
		list = append(list, pgx.Identifier{c.Name}.Sanitize()+" "+c.Type.String())
	}
	// The heap does not keep the order of rows, so they are numbered.
	create := "CREATE TABLE " + table + " (" + strings.Join(list, ", ") + ", row_number bigserial)"
	if _, err := conn.Exec(t.Context(), create); err != nil {
		t.Fatal(create, err)
	}
	body := bytes.NewReader(copyBinary(len(shape.Columns), rows))
	if _, err := conn.PgConn().CopyFrom(t.Context(), body, "COPY "+table+" ("+columns(shape)+") FROM STDIN (FORMAT binary)"); err != nil {
		t.Fatalf("%s: %v", create, err)
	}
}

// TestPostgresReadsValues loads every value by COPY BINARY, and compares it with
// what the server makes of the text that the table of cases has for it. What
// the server sends back must be the same bytes.
func TestPostgresReadsValues(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	cases := append([]valueCase(nil), valueCases...)
	scale := fmt.Sprintf(`"type":"bytes","name":"x.connect.data.Decimal","parameters":{"scale":"%d"}`, maxScale)
	cases = append(cases,
		valueCase{sDecimal, "1e131071", "numeric 1" + strings.Repeat("0", 131071) + ".00", ""},
		valueCase{sDecimal, strings.Repeat("9", 11992), "numeric " + strings.Repeat("9", 11992) + ".00", ""},
		valueCase{scale, "1e-16383", "numeric 0." + strings.Repeat("0", 16382) + "1", ""})
	for i, c := range cases {
		if c.bad != "" {
			continue
		}
		var arena change.Arena
		var ev change.Event
		if _, err := NewDecoder(Options{}).Decode(nil, fieldRecord(c.schema, c.json), &arena, &ev); err != nil {
			t.Fatal(err)
		}
		table := fmt.Sprintf("t%d", i)
		load(t, conn, table, ev.Shape, []change.Tuple{ev.Row})
		kind := ev.Shape.Columns[0].Type
		text := strings.TrimPrefix(c.want, kind.String()+" ")
		value, length, _ := ev.Row.Next()
		if length < 0 {
			continue
		}
		same := "v::text = $1::text::" + kind.String() + "::text AND v::text = $1::text"
		switch kind {
		case change.Bytea:
			same = "encode(v, 'base64') = $1"
		case change.JSONB:
			same = "v::text = $1::text::jsonb::text"
		case change.Float4, change.Float8, change.Bool:
			same = "v::text = $1::text::" + kind.String() + "::text"
		}
		var equal bool
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT "+same+", v::text FROM "+table, text).Scan(&equal, &got); err != nil {
			t.Fatalf("%s %.60s: %v", c.schema, c.json, err)
		}
		if !equal {
			t.Errorf("%s %.60s: server has %.60s, want %.60s", c.schema, c.json, got, text)
		}
		if kind == change.JSONB {
			continue // the server writes it in its own order
		}
		var raw []byte
		rows, err := conn.Query(t.Context(), "SELECT v FROM "+table, pgx.QueryResultFormats{pgx.BinaryFormatCode})
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			raw = bytes.Clone(rows.RawValues()[0])
		}
		rows.Close()
		if !bytes.Equal(raw, value) {
			t.Errorf("%s %.60s: sent %x, server has %x", c.schema, c.json, value, raw)
		}
	}
}

// TestPostgresReadsCaptures loads all rows of the recordings with many types and
// reads them back: every field has the same bytes.
func TestPostgresReadsCaptures(t *testing.T) {
	t.Parallel()
	conn := connect(t)
	total := 0
	for _, name := range []string{"shop", "variants/vstring", "variants/vnumeric", "variants/vnoschema"} {
		var arena change.Arena
		shapes := NewShapes()
		decoders := map[string]*Decoder{}
		images := map[*change.Shape][]change.Tuple{}
		var order []*change.Shape
		for r, err := range captures.Read(name) {
			if err != nil {
				t.Fatal(err)
			}
			if decoders[r.Topic] == nil {
				decoders[r.Topic] = NewDecoder(Options{Shapes: shapes})
			}
			var ev change.Event
			if _, err := decoders[r.Topic].Decode(r.Key, r.Value, &arena, &ev); err != nil || ev.Row == nil {
				continue
			}
			if images[ev.Shape] == nil {
				order = append(order, ev.Shape)
			}
			images[ev.Shape] = append(images[ev.Shape], ev.Row)
		}
		for i, shape := range order {
			table := fmt.Sprintf("%s_%d", name[strings.LastIndexByte(name, '/')+1:], i)
			load(t, conn, table, shape, images[shape])
			total += len(images[shape])
			rows, err := conn.Query(t.Context(), "SELECT "+columns(shape)+" FROM "+table+" ORDER BY row_number", pgx.QueryResultFormats{pgx.BinaryFormatCode})
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; rows.Next(); n++ {
				rest := images[shape][n]
				for c, got := range rows.RawValues() {
					var want []byte
					want, _, rest = rest.Next()
					if shape.Columns[c].Type != change.JSONB && !bytes.Equal(got, want) {
						t.Fatalf("%s: column %s differs", table, shape.Columns[c].Name)
					}
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d rows", total)
	if total < 9000 {
		t.Errorf("only %d rows", total)
	}
}
