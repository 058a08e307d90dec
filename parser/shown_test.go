package parser

import (
	"strings"
	"testing"
)

func TestShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"create  data source s\n type kafka options (brokers 'b:1', /* s3cret */ sasl_password 's3cret', topics '^a\\.')": `create data source s type kafka options (brokers 'b:1', sasl_password '***', topics '^a\.')`,
		"alter data source s options (set sasl_pasword 's3cret', drop topics)":                                            `alter data source s options (set sasl_pasword '***', drop topics)`,
		"alter data source s options (set \"sasl.password\" $$s3cret$$, set sasl_username E's3cret')":                     `alter data source s options (set "sasl.password" '***', set sasl_username '***')`,
		"alter data source s options (set topics 'a', 's3cret')":                                                          `alter data source s options (set topics 'a', '***')`,
		"alter data source s options (set topics ('a'), set sasl_password (('s3cret')))":                                  `alter data source s options (set topics ('a'), set sasl_password (('***')))`,
		"alter data source s options (set topics $1)":                                                                     `alter data source s options (set topics $1)`,
		"alter system set external_sql_folio = 'https://u:s3cret@x'":                                                      `alter system set external_sql_folio = '***'`,
		"alter system set max_poll_interval = '5'":                                                                        `alter system set max_poll_interval = '5'`,
	} {
		r := Rewrite(in, usual)
		if r == nil {
			t.Errorf("%s: not taken", in)
			continue
		}
		s := r.Failed
		if r.Err == nil {
			s = r.Statements[0]
		}
		if !s.Acts || s.Shown != want || strings.Contains(s.Shown, "s3cret") {
			t.Errorf("%s\ngot  %s, %v\nwant %s", in, s.Shown, s.Acts, want)
		}
	}
	if r := Rewrite("list status; wait for data source s", usual); r.Statements[0].Acts || r.Statements[1].Acts {
		t.Errorf("%+v", r.Statements)
	}
	if r := Rewrite("create data origin "+strings.Repeat("x", 20_000), usual); len(r.Failed.Shown) > maxShown+10 {
		t.Error("shown at any length")
	}
}
