package parser

import (
	"strings"
	"testing"
)

// usual are the settings of an idle session.
var usual = Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "UTF8"}

func TestRewriteMakesSQL(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want string }{
		"create": {
			`CREATE DATA SOURCE Sensor TYPE Kafka OPTIONS (brokers 'h:9092', topics '^x\.')`,
			`CALL metadb.create_data_source(E'sensor', E'kafka', ARRAY[E'brokers',E'h:9092',E'topics',E'^x\\.']::text[], false)`,
		},
		"create if not exists": {
			`create data source if not exists s type kafka options (module '');`,
			`CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'module',E'']::text[], true);`,
		},
		"source called if": {
			`create data source if type kafka options (brokers 'b')`,
			`CALL metadb.create_data_source(E'if', E'kafka', ARRAY[E'brokers',E'b']::text[], false)`,
		},
		"old spellings": {
			`create data source s type kafka options (consumergroup 'g', schemapassfilter 'a', schemastopfilter 'b', tablestopfilter 'c', trimschemaprefix 'd', addschemaprefix 'e')`,
			`CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'consumer_group',E'g',E'schema_pass_filter',E'a',E'schema_stop_filter',E'b',E'table_stop_filter',E'c',E'trim_schema_prefix',E'd',E'add_schema_prefix',E'e']::text[], false)`,
		},
		"alter": {
			`alter data source s options (set topics '^x', drop module, add security 'ssl', brokers 'b')`,
			`CALL metadb.alter_data_source(E's', ARRAY[E'set',E'topics',E'^x',E'drop',E'module',E'',E'add',E'security',E'ssl',E'add',E'brokers',E'b']::text[])`,
		},
		"security": {
			`create data source s type kafka options ("security.protocol" 'SASL_SSL', sasl.mechanism 'scram_sha_256', sasl_username 'u', sasl_password 'file:pw', ssl_ca_location 'a/ca.pem', ssl.certificate.location 'c', ssl_key_location 'k')`,
			`CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'security',E'sasl_ssl',E'sasl_mechanism',E'SCRAM-SHA-256',E'sasl_username',E'u',E'sasl_password',E'file:pw',E'ca_file',E'a/ca.pem',E'cert_file',E'c',E'key_file',E'k']::text[], false)`,
		},
		"security unknown": {
			`create data source s type kafka options (security $1, sasl_mechanism $2, sasl_password 'env:METADB_SECRET_X', sasl_oauthbearer_token 't', ca_file 'c')`,
			`CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'security',$1,E'sasl_mechanism',$2,E'sasl_password',E'env:METADB_SECRET_X',E'sasl_oauthbearer_token',E't',E'ca_file',E'c']::text[], false)`,
		},
		"security taken away": {
			`alter data source s options (set sasl_password '', set ca_file '', drop sasl_mechanism, set sasl_oauthbearer_token_endpoint_url 'https://h/t')`,
			`CALL metadb.alter_data_source(E's', ARRAY[E'set',E'sasl_password',E'',E'set',E'ca_file',E'',E'drop',E'sasl_mechanism',E'',E'set',E'sasl_oauthbearer_token_endpoint_url',E'https://h/t']::text[])`,
		},
		"alter drop then add": {
			`alter data source s options (drop module, add module 'folio')`,
			`CALL metadb.alter_data_source(E's', ARRAY[E'drop',E'module',E'',E'add',E'module',E'folio']::text[])`,
		},
		"alter enable":      {`alter data source S enable;`, `CALL metadb.enable_data_source(E's', true);`},
		"alter disable":     {`alter data source "enable" DISABLE`, `CALL metadb.enable_data_source(E'enable', false)`},
		"dead letters":      {`list dead_letters`, `SELECT * FROM metadb.dead_letters`},
		"requests":          {`list requests`, `SELECT * FROM metadb.requests`},
		"replay all":        {`replay dead letters in data source s;`, `CALL metadb.replay_dead_letters(E's');`},
		"replay some":       {`REPLAY DEAD LETTERS IN DATA SOURCE id ID 1, 0022,9223372036854775807`, `CALL metadb.replay_dead_letters(E'id', ARRAY[1,0022,9223372036854775807]::bigint[])`},
		"sync":              {`sync data source s`, `CALL metadb.sync_data_source(E's', NULL, false)`},
		"sync tables":       {`SYNC DATA SOURCE s TABLE a.b, "A.x"."B""y"`, `CALL metadb.sync_data_source(E's', ARRAY[E'a',E'b',E'A.x',E'B"y']::text[], false)`},
		"sync snapshot":     {`sync data source s table a.b with snapshot`, `CALL metadb.sync_data_source(E's', ARRAY[E'a',E'b']::text[], true)`},
		"sync and wait":     {`sync data source s wait`, `CALL metadb.sync_data_source_and_wait(E's', NULL, false, false)`},
		"sync all":          {`sync data source s with snapshot wait for snapshot`, `CALL metadb.sync_data_source_and_wait(E's', NULL, true, true)`},
		"endsync and wait":  {`endsync data source s force all wait;`, `CALL metadb.endsync_data_source_and_wait(E's', NULL, NULL, true);`},
		"endsync wait":      {`alter data source s endsync wait`, `CALL metadb.endsync_data_source_and_wait(E's', NULL, NULL, false)`},
		"sync by alter":     {`alter data source s sync table a.b;`, `CALL metadb.sync_data_source(E's', ARRAY[E'a',E'b']::text[], false);`},
		"endsync":           {`endsync data source s`, `CALL metadb.endsync_data_source(E's', NULL, NULL, false)`},
		"endsync tables":    {`endsync data source s table a.b, c.d`, `CALL metadb.endsync_data_source(E's', ARRAY[E'a',E'b',E'c',E'd']::text[], NULL, false)`},
		"endsync forced":    {`endsync data source s table a.b force table c.d`, `CALL metadb.endsync_data_source(E's', ARRAY[E'a',E'b']::text[], ARRAY[E'c',E'd']::text[], false)`},
		"endsync by alter":  {`alter data source s endsync force all`, `CALL metadb.endsync_data_source(E's', NULL, NULL, true)`},
		"explain endsync":   {`explain /* what */ endsync data source s`, `SELECT * FROM metadb.explain_endsync(E's')`},
		"cancel sync":       {`cancel sync data source s`, `CALL metadb.cancel_sync(E's')`},
		"sync status":       {`list sync_status`, `SELECT * FROM metadb.sync_status`},
		"new options":       {`alter data source s options (add on_bad_value 'null', add on_bad_event 'stop', set dead_letter_limit '5')`, `CALL metadb.alter_data_source(E's', ARRAY[E'add',E'on_bad_value',E'null',E'add',E'on_bad_event',E'stop',E'set',E'dead_letter_limit',E'5']::text[])`},
		"drop":              {`drop data source s`, `CALL metadb.drop_data_source(E's', false)`},
		"drop if exists":    {`drop data source if exists s`, `CALL metadb.drop_data_source(E's', true)`},
		"drop, keep":        {`drop data source s KEEP TABLES`, `CALL metadb.drop_data_source(E's', false)`},
		"drop, drop":        {`drop data source if exists s Drop Tables;`, `CALL metadb.drop_data_source(E's', true, true);`},
		"drop called drop":  {`drop data source drop`, `CALL metadb.drop_data_source(E'drop', false)`},
		"alter if exists":   {`alter data source if exists s options (drop module)`, `CALL metadb.alter_data_source(E's', ARRAY[E'drop',E'module',E'']::text[], true)`},
		"enable if exists":  {`alter data source if exists s enable`, `CALL metadb.enable_data_source(E's', true, true)`},
		"parameters":        {`create data source s type kafka options (brokers $1, security $2, topics 't')`, `CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',$1,E'security',$2,E'topics',E't']::text[], false)`},
		"in parentheses":    {`create data source s type kafka options (brokers ('a:1'), topics ((  E'\'' )))`, `CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',E'a:1',E'topics',E'''']::text[], false)`},
		"alter, parameter":  {`alter data source s options (set topics $1)`, `CALL metadb.alter_data_source(E's', ARRAY[E'set',E'topics',$1]::text[])`},
		"empty values":      {`alter data source s options (set on_bad_event '', set security '', set dead_letter_limit '')`, `CALL metadb.alter_data_source(E's', ARRAY[E'set',E'on_bad_event',E'',E'set',E'security',E'',E'set',E'dead_letter_limit',E'']::text[])`},
		"drop origin":       {`drop data origin if exists west.x`, `CALL metadb.drop_data_origin(E'west.x', true)`},
		"parameter":         {`Alter System /* x */ Set Checkpoint_Segment_Size='1'`, `CALL metadb.alter_system_set(E'checkpoint_segment_size', E'1')`},
		"quoted parameter":  {`alter system set "max_poll_interval" = $$2$$; select 1`, `CALL metadb.alter_system_set(E'max_poll_interval', E'2'); select 1`},
		"both systems":      {`alter system set work_mem = '1'; alter system set max_poll_interval = '2'`, `alter system set work_mem = '1'; CALL metadb.alter_system_set(E'max_poll_interval', E'2')`},
		"origin":            {`create data origin west.x`, `CALL metadb.create_data_origin(E'west.x', false)`},
		"origin if":         {`create data origin if not exists o`, `CALL metadb.create_data_origin(E'o', true)`},
		"status":            {`list status`, `SELECT * FROM metadb.status`},
		"config":            {`LIST CONFIG;`, `SELECT * FROM metadb.config ORDER BY parameter;`},
		"data sources":      {`List Data_Sources`, `SELECT * FROM metadb.data_sources`},
		"data origins":      {`list "data_origins"`, `SELECT * FROM metadb.data_origins`},
		"quoted name":       {`drop data source "My ""Own"" \ '"`, `CALL metadb.drop_data_source(E'My "Own" \\ ''', false)`},
		"keyword as a name": {`drop data source table`, `CALL metadb.drop_data_source(E'table', false)`},
		"doubled quote":     {`create data source s type kafka options (brokers 'a''b')`, `CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',E'a''b']::text[], false)`},
		"escape string":     {`create data source s type kafka options (brokers E'a\'b\\c\x41\u00e9\101')`, `CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',E'a''b\\cAéA']::text[], false)`},
		"dollar string":     {`create data source s type kafka options (brokers $q$a'b\c$q$)`, `CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',E'a''b\\c']::text[], false)`},
		"comments":          {"/* a /* b */ */ LIST -- c;\n /* ; */ status -- d", "/* a /* b */ */ SELECT * FROM metadb.status -- d"},
		"several":           {"select 1; list status ; drop data source s;select 'list status;'", "select 1; SELECT * FROM metadb.status ; CALL metadb.drop_data_source(E's', false);select 'list status;'"},
		"name not folded":   {`drop data source ÄÖ`, `CALL metadb.drop_data_source(E'ÄÖ', false)`},
		"after a function":  {"create function f() returns int begin atomic; select case when true then 1 end; select 2; end; list status", "create function f() returns int begin atomic; select case when true then 1 end; select 2; end; SELECT * FROM metadb.status"},
		"continued literal": {"create data source s type kafka options (brokers 'a'\n 'b''c')", "CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers',E'ab''c']::text[], false)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Rewrite(test.in, usual)
			if r == nil {
				t.Fatal("not taken")
			}
			if r.Err != nil {
				t.Fatalf("error %v at %d", r.Err, r.Err.Position)
			}
			if r.Text != test.want {
				t.Errorf("text\n got %s\nwant %s", r.Text, test.want)
			}
		})
	}
}

func TestRewriteNumbersStatements(t *testing.T) {
	t.Parallel()
	r := Rewrite(";; select 1;; LIST status; -- x\n; create data origin o; select (1); drop data source s", usual)
	want := []Statement{
		{Index: 1, Name: "LIST"},
		{Index: 2, Name: "CREATE DATA ORIGIN", Tag: "CREATE DATA ORIGIN", Acts: true, Shown: "create data origin o"},
		{Index: 4, Name: "DROP DATA SOURCE", Tag: "DROP DATA SOURCE", Acts: true, Shown: "drop data source s"},
	}
	if r == nil || len(r.Statements) != len(want) {
		t.Fatalf("got %+v", r)
	}
	for i, s := range r.Statements {
		if s != want[i] {
			t.Errorf("statement %d: got %+v, want %+v", i, s, want[i])
		}
	}
}

func TestRewriteFindsMistakes(t *testing.T) {
	t.Parallel()
	valid := "Valid options in this context are: brokers, security, topics, consumer_group, schema_pass_filter, " +
		"schema_stop_filter, table_stop_filter, trim_schema_prefix, add_schema_prefix, map_public_schema, module, on_bad_value, on_bad_event, dead_letter_limit, endsync, signal_topic, topic_prefix, notification_topic, " +
		"sasl_mechanism, sasl_username, sasl_password, sasl_oauthbearer_token, sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_client_id, " +
		"sasl_oauthbearer_client_secret, sasl_oauthbearer_scope, ca_file, cert_file, key_file"
	lists := "Valid parameters are: status, config, data_sources, data_origins, dead_letters, requests, sync_status, activity"
	tests := []struct {
		in, code, message, hint string
		at                      string // the text at which the error is, empty for the end
	}{
		{"list", "42601", "syntax error at end of input", lists, ""},
		{"list ;select 1", "42601", `syntax error at or near ";"`, lists, ";select"},
		{"list status now", "42601", `syntax error at or near "now"`, "Expected the end of the statement.", "now"},
		{"list 'status'", "42601", `syntax error at or near "'status'"`, lists, "'status'"},
		{"list statsu", "22023", `unrecognized parameter "statsu"`, `Did you mean "status"? ` + lists, "statsu"},
		{"list foo", "22023", `unrecognized parameter "foo"`, lists, "foo"},
		{"create data sorce s", "42601", `syntax error at or near "sorce"`, `Did you mean "source"?`, "sorce"},
		{"create data oirgin s", "42601", `syntax error at or near "oirgin"`, `Did you mean "origin"?`, "oirgin"},
		{"create data mapping for json", "42601", `syntax error at or near "mapping"`, "Expected SOURCE or ORIGIN.", "mapping"},
		{"create data", "42601", "syntax error at end of input", "Expected SOURCE or ORIGIN.", ""},
		{"create data source s tpye kafka", "42601", `syntax error at or near "tpye"`, `Did you mean "type"?`, "tpye"},
		{"create data source s type kafka", "42601", "syntax error at end of input", "Expected OPTIONS.", ""},
		{"create data source s type kafka option (x 'y')", "42601", `syntax error at or near "option"`, `Did you mean "options"?`, "option "},
		{"create data source s type kafka options ()", "42601", `syntax error at or near ")"`, "Expected a name.", ")"},
		{"create data source s type kafka options (brokers 'b' topics 't')", "42601", `syntax error at or near "topics"`, `Expected "," or ")".`, "topics"},
		{"create data source s type kafka options (brokers b)", "42601", `syntax error at or near "b"`, "A value is a string in single quotes.", "b)"},
		{"create data source s type kafka options (brokers (b))", "42601", `syntax error at or near "b"`, "A value is a string in single quotes.", "b))"},
		{"create data source s type kafka options (brokers ('b' c))", "42601", `syntax error at or near "c"`, `Expected ")".`, "c))"},
		{"create data source s type kafka options (brokers 5)", "42601", `syntax error at or near "5"`, "A value is a string in single quotes.", "5)"},
		{"create data source s type kafka options brokers 'b'", "42601", `syntax error at or near "brokers"`, `Expected "(".`, "brokers"},
		{"create data source $1 type kafka options (brokers 'b')", "42601", `syntax error at or near "$1"`, "Expected a name.", "$1"},
		{"create data source s type kafka options (brokers 'b',)", "42601", `syntax error at or near ")"`, "Expected a name.", ")"},
		{"create data source s type kafka options (brokers 'b') x", "42601", `syntax error at or near "x"`, "Expected the end of the statement.", "x"},
		{"create data source s type kafak options (brokers 'b')", "22023", `invalid data source type "kafak"`, `Did you mean "kafka"? The type of a data source is kafka.`, "kafak"},
		{"create data source s type kafka options (topisc 't')", "22023", `invalid option "topisc"`, `Did you mean "topics"? ` + valid, "topisc"},
		{"create data source s type kafka options (zzz 't')", "22023", `invalid option "zzz"`, valid, "zzz"},
		{"create data source s type kafka options (module 'a', module 'b')", "42710", `option "module" provided more than once`, "", "module 'b'"},
		{"create data source s type kafka options (consumer_group 'a', consumergroup 'b')", "42710", `option "consumer_group" provided more than once`, "", "consumergroup"},
		{"create data source s type kafka options (security 'plain')", "22023", `invalid value for option "security": "plain"`, `Did you mean "plaintext"? Valid values are: ssl, plaintext, sasl_ssl, sasl_plaintext`, "'plain'"},
		{"create data source s type kafka options (topics 'a[, ^b[')", "2201B", "invalid regular expression \"^b[\" in option \"topics\": missing closing ]: `[`", "Patterns are separated by commas and have RE2 syntax.", "'a["},
		{"create data source s type kafka options (schema_stop_filter 'a,(')", "2201B", "invalid regular expression \"(\" in option \"schema_stop_filter\": missing closing ): `(`", "Patterns are separated by commas and have RE2 syntax.", "'a,("},
		{"alter data source s options (sasl_mechanism 'scram_sha_255')", "22023", `invalid value for option "sasl_mechanism": "SCRAM-SHA-255"`, `Did you mean "SCRAM-SHA-256"? Valid values are: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER`, "'scram"},
		{"alter data source s options (sasl_pasword 'x')", "22023", `invalid option "sasl_pasword"`, `Did you mean "sasl_password"? ` + valid, "sasl_pasword"},
		{"alter data source s options (sasl.pasword 'x')", "22023", `invalid option "sasl.pasword"`, `Did you mean "sasl_password"? ` + valid, "sasl.pasword"},
		{"alter data source s options (sasl_password 'file:/etc/passwd')", "22023", `invalid file name for option "sasl_password": "/etc/passwd"`, "Files are named relative to secrets_directory of metadb.conf, which is DATADIR/secrets unless set, without \"..\".", "'file:"},
		{"alter data source s options (ca_file 'a/../../b')", "22023", `invalid file name for option "ca_file": "a/../../b"`, "Files are named relative to secrets_directory of metadb.conf, which is DATADIR/secrets unless set, without \"..\".", "'a/"},
		{"alter data source s options (sasl_password 'file:')", "22023", `invalid file name for option "sasl_password": ""`, "Files are named relative to secrets_directory of metadb.conf, which is DATADIR/secrets unless set, without \"..\".", "'file:"},
		{"alter data source s options (sasl_password 'env:PATH')", "22023", `invalid value for option "sasl_password": "env:PATH"`, "Only variables whose names begin with METADB_SECRET_ can be secrets.", "'env:"},
		{"alter data source s options (sasl_oauthbearer_token_endpoint_url 'ftp://x')", "22023", `invalid value for option "sasl_oauthbearer_token_endpoint_url": "ftp://x"`, "The value is a URL that begins with https://.", "'ftp:"},
		{"create data source s type kafka options (sasl_password 'p', topics 'x')", "22023", `option "sasl_password" does not fit the others`, "SASL needs security 'sasl_ssl' or 'sasl_plaintext'.", "sasl_password"},
		{"create data source s type kafka options (security 'plaintext', ca_file 'x')", "22023", `option "ca_file" does not fit the others`, "Certificates need security 'ssl' or 'sasl_ssl'.", "ca_file"},
		{"create data source s type kafka options (security 'sasl_ssl', sasl_mechanism 'PLAIN', sasl_oauthbearer_token 'x')", "22023", `option "sasl_oauthbearer_token" does not fit the others`, "The option needs sasl_mechanism 'OAUTHBEARER'.", "sasl_oauthbearer_token"},
		{"create data source s type kafka options (security 'sasl_ssl', sasl_mechanism 'OAUTHBEARER', sasl_username 'x')", "22023", `option "sasl_username" does not fit the others`, "The mechanism OAUTHBEARER has sasl_oauthbearer_token, or sasl_oauthbearer_token_endpoint_url with a client.", "sasl_username"},
		{"alter data source s options (set module 'a', set module 'b')", "42710", `option "module" provided more than once`, "", "module 'b'"},
		{"alter data source s options (drop modul)", "22023", `invalid option "modul"`, `Did you mean "module"? ` + valid, "modul"},
		{"alter data source s", "42601", "syntax error at end of input", "Expected OPTIONS, ENABLE, DISABLE, SYNC or ENDSYNC.", ""},
		{"alter data source s enabled", "42601", `syntax error at or near "enabled"`, `Did you mean "enable"?`, "enabled"},
		{"alter data source s disalbe", "42601", `syntax error at or near "disalbe"`, `Did you mean "disable"?`, "disalbe"},
		{"alter data source s enable now", "42601", `syntax error at or near "now"`, "Expected the end of the statement.", "now"},
		{"alter data source s options (on_bad_value 'nul')", "22023", `invalid value for option "on_bad_value": "nul"`, `Did you mean "null"? Valid values are: dead_letter, null`, "'nul'"},
		{"alter data source if exist s disable", "42601", `syntax error at or near "exist"`, "Expected OPTIONS, ENABLE, DISABLE, SYNC or ENDSYNC.", "exist"},
		{"alter data source s options (dead_letter_limit '0')", "22023", `invalid value for option "dead_letter_limit": "0"`, "The value is a number from 1 to 2147483647.", "'0'"},
		{"alter data source s options (dead_letter_limit '+5')", "22023", `invalid value for option "dead_letter_limit": "+5"`, "The value is a number from 1 to 2147483647.", "'+5'"},
		{"replay", "42601", "syntax error at end of input", "Expected DEAD.", ""},
		{"replay deda letters", "42601", `syntax error at or near "deda"`, `Did you mean "dead"?`, "deda"},
		{"replay dead leters", "42601", `syntax error at or near "leters"`, `Did you mean "letters"?`, "leters"},
		{"replay dead letters for data source s", "42601", `syntax error at or near "for"`, "Expected IN.", "for"},
		{"replay dead letters in data source s ids 1", "42601", `syntax error at or near "ids"`, `Did you mean "id"?`, "ids"},
		{"replay dead letters in data source s id", "42601", "syntax error at end of input", "Expected a number.", ""},
		{"replay dead letters in data source s id 1,", "42601", "syntax error at end of input", "Expected a number.", ""},
		{"replay dead letters in data source s id -1", "42601", `syntax error at or near "-"`, "Expected a number.", "-1"},
		{"replay dead letters in data source s id 1.5", "42601", `syntax error at or near "1.5"`, "Expected a number.", "1.5"},
		{"replay dead letters in data source s id 9223372036854775808", "22003", `number "9223372036854775808" is out of range`, "", "92"},
		{"sync", "42601", "syntax error at end of input", "Expected DATA.", ""},
		{"sync data sorce s", "42601", `syntax error at or near "sorce"`, `Did you mean "source"?`, "sorce"},
		{"sync data source s tabel a.b", "42601", `syntax error at or near "tabel"`, `Did you mean "table"?`, "tabel"},
		{"sync data source s table b", "42601", "syntax error at end of input", "A table is named with its schema: schema.table.", ""},
		{"sync data source s table a.b.c", "42601", `syntax error at or near "."`, "Expected the end of the statement.", ".c"},
		{"endsync data source s forec all", "42601", `syntax error at or near "forec"`, `Did you mean "force"?`, "forec"},
		{"endsync data source s force", "42601", "syntax error at end of input", "Expected TABLE or ALL.", ""},
		{"endsync data source s force al", "42601", `syntax error at or near "al"`, `Did you mean "all"?`, "al"},
		{"endsync data source s force all table a.b", "42601", `syntax error at or near "table"`, "Expected the end of the statement.", "table"},
		{"alter data source s endsycn", "42601", `syntax error at or near "endsycn"`, `Did you mean "endsync"?`, "endsycn"},
		{"explain endsync data source", "42601", "syntax error at end of input", "Expected a name.", ""},
		{"cancel sync data source s now", "42601", `syntax error at or near "now"`, "Expected the end of the statement.", "now"},
		{"alter data srouce s", "42601", `syntax error at or near "srouce"`, `Did you mean "source"?`, "srouce"},
		{"drop data source", "42601", "syntax error at end of input", "Expected a name.", ""},
		{"drop data source if exists", "42601", "syntax error at end of input", "Expected a name.", ""},
		{"drop data source s cascade", "42601", `syntax error at or near "cascade"`, "Expected KEEP or DROP.", "cascade"},
		{"drop data source s dorp tables", "42601", `syntax error at or near "dorp"`, `Did you mean "drop"?`, "dorp"},
		{"drop data source s keep", "42601", "syntax error at end of input", "Expected TABLES.", ""},
		{"drop data source s drop tabels", "42601", `syntax error at or near "tabels"`, `Did you mean "tables"?`, "tabels"},
		{"drop data source s drop tables keep tables", "42601", `syntax error at or near "keep"`, "Expected the end of the statement.", "keep"},
		{"drop data origins o", "42601", `syntax error at or near "origins"`, `Did you mean "origin"?`, "origins"},
		{"drop data origin", "42601", "syntax error at end of input", "Expected a name.", ""},
		{"create data source " + strings.Repeat("x", 64), "42622", `data source name "` + strings.Repeat("x", 64) + `" too long`, "A name has at most 63 bytes.", "xxx"},
		{"create data origin " + strings.Repeat("ä", 32), "42622", `data origin name "` + strings.Repeat("ä", 32) + `" too long`, "A name has at most 63 bytes.", "ää"},
		{"select 'ä€𝄞'; list foo; list bar; list status", "22023", `unrecognized parameter "foo"`, lists, "foo"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			t.Parallel()
			r := Rewrite(test.in, usual)
			if r == nil || r.Err == nil {
				t.Fatalf("no error: %+v", r)
			}
			if !strings.HasPrefix(test.in, r.Text) || len(r.Statements) != 0 {
				t.Errorf("text changed: %+v", r)
			}
			if r.Err.Code != test.code || r.Err.Message != test.message || r.Err.Hint != test.hint {
				t.Errorf("got  %s %s\n     hint %s\nwant %s %s\n     hint %s",
					r.Err.Code, r.Err.Message, r.Err.Hint, test.code, test.message, test.hint)
			}
			rest := string([]rune(test.in)[r.Err.Position-1:])
			if !strings.HasPrefix(rest, test.at) || test.at == "" && rest != "" {
				t.Errorf("position %d is at %q, want %q", r.Err.Position, rest, test.at)
			}
		})
	}
}

func TestRewriteSaysWhereOursBegin(t *testing.T) {
	t.Parallel()
	r := Rewrite("select 'ä'; list status; list foo", usual)
	if r == nil || r.First != 13 {
		t.Errorf("got %+v, want first 13", r)
	}
}

// TestPostgresKeepsItsOwn holds the forms of ALTER SYSTEM that are not Metadb 1.4's,
// or not of a parameter of ours (rule R23).
func TestPostgresKeepsItsOwn(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`alter system set work_mem = '1MB'`,
		`alter system set work_mem TO 5`,
		`alter system set "Checkpoint_Segment_Size" = '1'`,
		`alter system set checkpoint_segment_size TO '1'`,
		`alter system set checkpoint_segment_size = 1`,
		`alter system set checkpoint_segment_size = on`,
		`alter system set checkpoint_segment_size = DEFAULT`,
		`alter system set checkpoint_segment_size = '1', '2'`,
		`alter system set checkpoint_segment_size '1'`,
		`alter system set 'checkpoint_segment_size' = '1'`,
		`alter system set x.checkpoint_segment_size = '1'`,
		`alter system set checkpoint_segment_size = $1`,
		`alter system set`,
		`alter system reset checkpoint_segment_size`,
		`alter system reset all`,
		`alter system`,
		`set checkpoint_segment_size = '1'`,
	} {
		if r := Rewrite(text, usual); r != nil {
			t.Errorf("%s: taken: %+v", text, r)
		}
	}
	r := Rewrite(`list status; alter system set work_mem = '1'`, usual)
	if r == nil || r.Err != nil || len(r.Statements) != 1 || !strings.HasSuffix(r.Text, `; alter system set work_mem = '1'`) {
		t.Errorf("beside one of ours: %+v", r)
	}
}
