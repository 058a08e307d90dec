package parser

import "testing"

func TestPosition(t *testing.T) {
	t.Parallel()
	const in = "select 'ä'; list status; select 'ö', nosuch; drop data source é; x"
	const out = "select 'ä'; SELECT * FROM metadb.status; select 'ö', nosuch; CALL metadb.drop_data_source(E'é', false); x"
	r := Rewrite(in, usual)
	if r == nil || r.Text != out {
		t.Fatalf("got %+v", r)
	}
	tests := map[string]struct{ sent, client, inside int }{
		"before":          {sent: 9, client: 9, inside: -1},
		"first of ours":   {sent: 13, client: 13, inside: 0},
		"within ours":     {sent: 30, client: 13, inside: 0},
		"its semicolon":   {sent: 40, client: 24, inside: -1},
		"between":         {sent: 54, client: 38, inside: -1},
		"second of ours":  {sent: 67, client: 46, inside: 1},
		"behind":          {sent: 105, client: 66, inside: -1},
		"end of the text": {sent: 106, client: 67, inside: -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, inside := r.Position(test.sent)
			if client != test.client || inside != test.inside {
				t.Errorf("got %d, %d, want %d, %d", client, inside, test.client, test.inside)
			}
		})
	}
}
