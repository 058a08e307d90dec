package debezium

import (
	"fmt"
	"strings"
	"testing"

	"metadb/change"
)

// valueCase is one value of one column. want is "type value" as show prints it
// (value as PostgreSQL does, jsonb with sorted members, bytea in base64), or the
// rule that it breaks.
type valueCase struct {
	schema string // members of the field's schema
	json   string
	want   string
	bad    Rule
}

const (
	sDate      = `"type":"int32","name":"io.debezium.time.Date"`
	sTime      = `"type":"int32","name":"io.debezium.time.Time"`
	sMicroTime = `"type":"int64","name":"io.debezium.time.MicroTime"`
	sStamp     = `"type":"int64","name":"io.debezium.time.Timestamp"`
	sMicro     = `"type":"int64","name":"io.debezium.time.MicroTimestamp"`
	sZoned     = `"type":"string","name":"io.debezium.time.ZonedTimestamp"`
	sZonedTime = `"type":"string","name":"io.debezium.time.ZonedTime"`
	sUUID      = `"type":"string","name":"io.debezium.data.Uuid"`
	sJSON      = `"type":"string","name":"io.debezium.data.Json"`
	sDecimal   = `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}`
	sDecimal0  = `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}`
	sDecimal5  = `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"5"}`
	sThousands = `"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"-3"}`
	sVariable  = `"type":"struct","name":"io.debezium.data.VariableScaleDecimal","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}]`
	sBits      = `"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"12"}`
	sPoint     = `"type":"struct","name":"io.debezium.data.geometry.Point","fields":[{"type":"double","field":"x"},{"type":"double","field":"y"},{"type":"bytes","field":"wkb"},{"type":"int32","field":"srid"}]`
	sGeometry  = `"type":"struct","name":"io.debezium.data.geometry.Geometry","fields":[{"type":"bytes","field":"wkb"},{"type":"int32","field":"srid"}]`
	sMap       = `"type":"map","keys":{"type":"string"},"values":{"type":"string"}`
	sText      = `"type":"string"`
)

func sArray(of string) string { return `"type":"array","items":{` + of + `}` }

var valueCases = []valueCase{
	{`"type":"boolean"`, `true`, "boolean true", ""},
	{`"type":"boolean"`, `false`, "boolean false", ""},
	{`"type":"boolean"`, `null`, "boolean NULL", ""},
	{`"type":"boolean"`, `1`, "", RuleType},
	{`"type":"boolean"`, `"true"`, "", RuleType},

	{`"type":"int8"`, `-128`, "smallint -128", ""},
	{`"type":"int16"`, `32767`, "smallint 32767", ""},
	{`"type":"int16"`, `-32768`, "smallint -32768", ""},
	{`"type":"int16"`, `32768`, "", RuleRange},
	{`"type":"int32"`, `2147483647`, "integer 2147483647", ""},
	{`"type":"int32"`, `-2147483648`, "integer -2147483648", ""},
	{`"type":"int32"`, `-2147483649`, "", RuleRange},
	{`"type":"int32"`, `1e3`, "integer 1000", ""},
	{`"type":"int32"`, `1.0`, "integer 1", ""},
	{`"type":"int32"`, `-0`, "integer 0", ""},
	{`"type":"int32"`, `120e-1`, "integer 12", ""},
	{`"type":"int32"`, `1.5`, "", RuleType},
	{`"type":"int32"`, `"1"`, "", RuleType},
	{`"type":"int32"`, `[1]`, "", RuleType},
	{`"type":"int32","name":"io.debezium.time.Year"`, `2024`, "integer 2024", ""},
	{`"type":"int32","name":"org.apache.kafka.connect.data.Date"`, `18321`, "integer 18321", ""},
	{`"type":"int64"`, `9223372036854775807`, "bigint 9223372036854775807", ""},
	{`"type":"int64"`, `-9223372036854775808`, "bigint -9223372036854775808", ""},
	{`"type":"int64"`, `9223372036854775808`, "", RuleRange},
	{`"type":"int64"`, `9007199254740993`, "bigint 9007199254740993", ""},
	{`"type":"int64"`, `922337203685477580.7e1`, "bigint 9223372036854775807", ""},
	{`"type":"int64"`, `1e1000000000`, "", RuleRange},
	{`"type":"int64"`, `1e19`, "", RuleRange},
	{`"type":"int64","name":"io.debezium.time.MicroDuration"`, `37091106789000`, "bigint 37091106789000", ""},
	{`"type":"int64","name":"io.debezium.time.NanoTimestamp"`, `1795226253813665123`, "bigint 1795226253813665123", ""},
	{`"type":"int64","name":"org.apache.kafka.connect.data.Timestamp"`, `1735689601000`, "bigint 1735689601000", ""},

	{sDate, `0`, "date 1970-01-01", ""},
	{sDate, `20412`, "date 2025-11-20", ""},
	{sDate, `-735160`, "date 0044-03-15 BC", ""},
	{sDate, `-719528`, "date 0001-01-01 BC", ""},
	{sDate, `-719162`, "date 0001-01-01", ""},
	{sDate, `-2440588`, "date 4714-11-24 BC", ""},
	{sDate, `-2440589`, "", RuleRange},
	{sDate, `2145042905`, "date 5874897-12-31", ""},
	{sDate, `2145042906`, "", RuleRange},
	{sDate, `-2147472692`, "date infinity", ""},
	{sDate, `-2147472691`, "date -infinity", ""},
	{sDate, `-622191234`, "", RuleRange},

	{sTime, `0`, "time without time zone 00:00:00", ""},
	{sTime, `86399999`, "time without time zone 23:59:59.999", ""},
	{sTime, `86400000`, "time without time zone 24:00:00", ""},
	{sTime, `86400001`, "", RuleRange},
	{sTime, `-1`, "", RuleRange},
	{sMicroTime, `86399999999`, "time without time zone 23:59:59.999999", ""},
	{sMicroTime, `86400000000`, "time without time zone 24:00:00", ""},
	{sMicroTime, `86400000001`, "", RuleRange},
	{sMicroTime, `43200000010`, "time without time zone 12:00:00.00001", ""},

	{sStamp, `1700000000123`, "timestamp without time zone 2023-11-14 22:13:20.123", ""},
	{sStamp, `-1`, "timestamp without time zone 1969-12-31 23:59:59.999", ""},
	{sStamp, `9223372036825200`, "timestamp without time zone infinity", ""},
	{sStamp, `-9223372036832400`, "timestamp without time zone -infinity", ""},
	{sStamp, `9224318015999999`, "timestamp without time zone 294276-12-31 23:59:59.999", ""},
	{sStamp, `9224318016000000`, "", RuleRange},
	{sStamp, `-210866803200000`, "timestamp without time zone 4714-11-24 00:00:00 BC", ""},
	{sStamp, `-210866803200001`, "", RuleRange},
	{sMicro, `1700000000123457`, "timestamp without time zone 2023-11-14 22:13:20.123457", ""},
	{sMicro, `-62135596800000000`, "timestamp without time zone 0001-01-01 00:00:00", ""},
	{sMicro, `9223372036825200000`, "timestamp without time zone infinity", ""},
	{sMicro, `-9223372036832400000`, "timestamp without time zone -infinity", ""},
	{sMicro, `9223372036854775807`, "timestamp without time zone 294247-01-10 04:00:54.775807", ""},
	{sMicro, `-210866803200000000`, "timestamp without time zone 4714-11-24 00:00:00 BC", ""},
	{sMicro, `-210866803200000001`, "", RuleRange},

	{`"type":"float"`, `3.4028235E38`, "real 3.4028235e+38", ""},
	{`"type":"float"`, `16777217`, "real 1.6777216e+07", ""},
	{`"type":"float"`, `1.4E-45`, "real 1e-45", ""},
	{`"type":"float"`, `3.5E38`, "", RuleRange},
	{`"type":"float"`, `1E-46`, "", RuleRange},
	{`"type":"float"`, `-0.0`, "real -0", ""},
	{`"type":"float32"`, `"NaN"`, "real NaN", ""},
	{`"type":"double"`, `1.7976931348623157e+308`, "double precision 1.7976931348623157e+308", ""},
	{`"type":"double"`, `4.9E-324`, "double precision 5e-324", ""},
	{`"type":"double"`, `1e400`, "", RuleRange},
	{`"type":"double"`, `1e-400`, "", RuleRange},
	{`"type":"double"`, `0e-400`, "double precision 0", ""},
	{`"type":"double"`, `"Infinity"`, "double precision Infinity", ""},
	{`"type":"double"`, `"-Infinity"`, "double precision -Infinity", ""},
	{`"type":"double"`, `"\u004eaN"`, "double precision NaN", ""},
	{`"type":"float64"`, `"1.5"`, "", RuleType},
	{`"type":"double"`, `0.1`, "double precision 0.1", ""},

	{sDecimal, `"AMg="`, "numeric 2.00", ""},
	{sDecimal, `"AA=="`, "numeric 0.00", ""},
	{sDecimal, `"/w=="`, "numeric -0.01", ""},
	{sDecimal, `"gA=="`, "numeric -1.28", ""},
	{sDecimal, `"f/////////8="`, "numeric 92233720368547758.07", ""},
	{sDecimal, `"gAAAAAAAAAA="`, "numeric -92233720368547758.08", ""},
	{sDecimal, `"AP//////////"`, "numeric 184467440737095516.15", ""},
	{sDecimal, `"AQAAAAAAAAAA"`, "numeric 184467440737095516.16", ""},
	{sDecimal, `"f////////////////////w=="`, "numeric 1701411834604692317316873037158841057.27", ""},
	{sDecimal, `"gAAAAAAAAAAAAAAAAAAAAA=="`, "numeric -1701411834604692317316873037158841057.28", ""},
	{sDecimal, `"AIAAAAAAAAAAAAAAAAAAAAA="`, "numeric 1701411834604692317316873037158841057.28", ""},
	{sDecimal, `"\u0041Mg="`, "numeric 2.00", ""},
	{sDecimal, `""`, "", RuleFormat},
	{sDecimal, `"AMg"`, "", RuleFormat},
	{sDecimal, `"AMh="`, "", RuleFormat},
	{sDecimal, `"AM\ng="`, "", RuleFormat},
	{sDecimal, `true`, "", RuleType},
	{sDecimal, `-2909.75`, "numeric -2909.75", ""},
	{sDecimal, `1`, "numeric 1.00", ""},
	{sDecimal, `1.100`, "numeric 1.10", ""},
	{sDecimal, `1.101`, "", RuleRange},
	{sDecimal, `1e3`, "numeric 1000.00", ""},
	{sDecimal, `0e3`, "numeric 0.00", ""},
	{sDecimal, `1e1000000000`, "", RuleRange},
	{sDecimal, `123456789012345678901234567890.12`, "numeric 123456789012345678901234567890.12", ""},
	{sDecimal0, `"AJiWgA=="`, "numeric 10000000", ""},
	{sDecimal0, `"JxA="`, "numeric 10000", ""},
	{sDecimal5, `"AQ=="`, "numeric 0.00001", ""},
	{sDecimal5, `"JxA="`, "numeric 0.10000", ""},
	{sDecimal5, `1e-5`, "numeric 0.00001", ""},
	{sThousands, `"Bw=="`, "numeric 7000", ""},
	{sThousands, `"+Q=="`, "numeric -7000", ""},
	{sThousands, `7000`, "numeric 7000", ""},
	{sVariable, `{"scale":9,"value":"XODppWAV/sWq36MorjmBFQ=="}`, "numeric 123456789012345678901234567890.123456789", ""},
	{sVariable, `{"value":"AQ==","scale":1}`, "numeric 0.1", ""},
	{sVariable, `{"scale":0,"value":"AA=="}`, "numeric 0", ""},
	{sVariable, `{"scale":-2,"value":"Bw=="}`, "numeric 700", ""},
	{sVariable, `{"scale":3,"value":1.5}`, "numeric 1.500", ""},
	{sVariable, `{"scale":16384,"value":"AQ=="}`, "", RuleRange},
	{sVariable, `{"scale":-1001,"value":"AQ=="}`, "", RuleRange},
	{sVariable, `{"scale":1}`, "", RuleType},
	{sVariable, `{"value":"AQ=="}`, "", RuleType},
	{sVariable, `"AQ=="`, "", RuleType},

	{sUUID, `"59BE9ba0-3d7a-6683-ceea-29f87d02f1cd"`, "uuid 59be9ba0-3d7a-6683-ceea-29f87d02f1cd", ""},
	{sUUID, `"59be9ba03d7a6683ceea29f87d02f1cd"`, "", RuleFormat},
	{sUUID, `"{9be9ba0-3d7a-6683-ceea-29f87d02f1c}"`, "", RuleFormat},
	{sUUID, `"59be9ba0-3d7a-6683-ceea-29f87d02f1cg"`, "", RuleFormat},
	{sUUID, `5`, "", RuleType},

	{sJSON, `"{\"a\": 1, \"b\": [true, null]}"`, `jsonb {"a":1,"b":[true,null]}`, ""},
	{sJSON, `"null"`, `jsonb null`, ""},
	{sJSON, `"12345678901234567890.123456789012345678901234567890"`, `jsonb 12345678901234567890.123456789012345678901234567890`, ""},
	{sJSON, `"{\"a\": \"x\\u0000y\"}"`, `jsonb {"a":"x` + "\ufffd" + `y"}`, ""},
	{sJSON, `"{\"a\": \"x\\ud800y\"}"`, `jsonb {"a":"x` + "\ufffd" + `y"}`, ""},
	{sJSON, `"{\"a\": \"x\\ud83d\\ude00y\"}"`, `jsonb {"a":"x😀y"}`, ""},
	{sJSON, `"{\"a\": \"x\\\\u0000y\"}"`, `jsonb {"a":"x\\u0000y"}`, ""},
	{sJSON, `{"a":1}`, "", RuleType},

	{sZoned, `"2026-11-21T02:04:14.068829Z"`, "timestamp with time zone 2026-11-21 02:04:14.068829+00", ""},
	{sZoned, `"2026-11-21T02:04:14+05:30"`, "timestamp with time zone 2026-11-20 20:34:14+00", ""},
	{sZoned, `"2026-11-21T24:00:00Z"`, "timestamp with time zone 2026-11-22 00:00:00+00", ""},
	{sZoned, `"2026-11-21T02:04:14.0000025Z"`, "timestamp with time zone 2026-11-21 02:04:14.000002+00", ""},
	{sZoned, `"2026-11-21T02:04:14.0000015Z"`, "timestamp with time zone 2026-11-21 02:04:14.000002+00", ""},
	{sZoned, `"2026-11-21T02:04:14.00000250001Z"`, "timestamp with time zone 2026-11-21 02:04:14.000003+00", ""},
	{sZoned, `"2026-12-31T23:59:59.9999999Z"`, "timestamp with time zone 2027-01-01 00:00:00+00", ""},
	{sZoned, `"-4713-11-25T00:00:00.000000Z"`, "timestamp with time zone 4714-11-25 00:00:00+00 BC", ""},
	{sZoned, `"-4713-11-24T00:00:00Z"`, "timestamp with time zone 4714-11-24 00:00:00+00 BC", ""},
	{sZoned, `"-4713-11-23T23:59:59Z"`, "", RuleRange},
	{sZoned, `"0000-01-01T00:00:00Z"`, "timestamp with time zone 0001-01-01 00:00:00+00 BC", ""},
	{sZoned, `"+12024-02-29T00:00:00Z"`, "timestamp with time zone 12024-02-29 00:00:00+00", ""},
	{sZoned, `"+294276-12-31T23:59:59.999999Z"`, "timestamp with time zone 294276-12-31 23:59:59.999999+00", ""},
	{sZoned, `"+294277-01-01T00:00:00Z"`, "", RuleRange},
	{sZoned, `"+294277-01-01T01:00:00+02:00"`, "timestamp with time zone 294276-12-31 23:00:00+00", ""},
	{sZoned, `"infinity"`, "timestamp with time zone infinity", ""},
	{sZoned, `"-infinity"`, "timestamp with time zone -infinity", ""},
	{sZoned, `"2023-02-29T00:00:00Z"`, "", RuleFormat},
	{sZoned, `"1900-02-29T00:00:00Z"`, "", RuleFormat},
	{sZoned, `"2023-13-01T00:00:00Z"`, "", RuleFormat},
	{sZoned, `"2023-01-01T00:00:60Z"`, "", RuleFormat},
	{sZoned, `"2023-01-01T24:00:01Z"`, "", RuleFormat},
	{sZoned, `"2023-01-01T00:00:00"`, "", RuleFormat},
	{sZoned, `"2023-01-01T00:00:00+16:00"`, "", RuleFormat},
	{sZoned, `"2023-01-01 00:00:00Z"`, "", RuleFormat},
	{sZoned, `"2023-01-01T00:00:00.Z"`, "", RuleFormat},
	{sZoned, `"2023-01-01T00:00:00Zx"`, "", RuleFormat},
	{sZoned, `"__debezium_unavailable_value"`, "", RuleFormat},

	{sZonedTime, `"18:29:59.999999Z"`, "time with time zone 18:29:59.999999+00", ""},
	{sZonedTime, `"18:29:59-03:30"`, "time with time zone 18:29:59-03:30", ""},
	{sZonedTime, `"00:00:00+15:59:59"`, "time with time zone 00:00:00+15:59:59", ""},
	{sZonedTime, `"24:00:00Z"`, "time with time zone 24:00:00+00", ""},
	{sZonedTime, `"25:00:00Z"`, "", RuleFormat},
	{sZonedTime, `"18:29:59"`, "", RuleFormat},

	{sText, `"plain"`, "text plain", ""},
	{sText, `""`, "text ", ""},
	{sText, `"a\"b\\c\/d\b\f\n\r\te"`, "text a\"b\\c/d\b\f\n\r\te", ""},
	{sText, `"\u00e9\ud83d\ude00 Aé😀"`, "text é😀 Aé😀", ""},
	{sText, `"x\u0000y"`, "text x\ufffdy", ""},
	{sText, `"x\ud800y"`, "text x\ufffdy", ""},
	{sText, `"\udc00\ud800"`, "text \ufffd\ufffd", ""},
	{sText, "\"x\xff\xfey\"", "text x\ufffd\ufffdy", ""},
	{sText, `5`, "", RuleType},
	{sText, `"__debezium_unavailable_value"`, "text UNAVAILABLE", ""},
	{sText, `"__debezium_unavailable_valuE"`, "text __debezium_unavailable_valuE", ""},
	{sJSON, `"__debezium_unavailable_value"`, "jsonb UNAVAILABLE", ""},
	{`"type":"string","name":"io.debezium.data.Enum"`, `"a"`, "text a", ""},
	{`"type":"string","name":"io.debezium.time.Interval"`, `"P1Y2M3DT4H5M6S"`, "text P1Y2M3DT4H5M6S", ""},

	{`"type":"bytes"`, `"3q2+7wD/"`, "bytea 3q2+7wD/", ""},
	{`"type":"bytes"`, `"3q2+7wD\/"`, "bytea 3q2+7wD/", ""},
	{`"type":"bytes"`, `""`, "bytea ", ""},
	{`"type":"bytes"`, `"3q2-7wD_"`, "", RuleFormat},
	{`"type":"bytes"`, `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`, "bytea UNAVAILABLE", ""},
	{sBits, `"qg=="`, "text 000010101010", ""},
	{sBits, `""`, "text 000000000000", ""},
	{sBits, `"/w8="`, "text 111111111111", ""},
	{sBits, `"AAg="`, "text 100000000000", ""},
	{sBits, `"ABA="`, "", RuleRange},
	{sBits, `"AAAA"`, "text 000000000000", ""},
	{sBits, `"AAAB"`, "", RuleRange},
	{`"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"2147483647"}`, `"Aw=="`, "text 00000011", ""},

	{sArray(`"type":"int32"`), `[1, 2,null,-4]`, `jsonb [1,2,null,-4]`, ""},
	{sArray(`"type":"int32"`), `[]`, `jsonb []`, ""},
	{sArray(`"type":"int32"`), `[1.5]`, "", RuleType},
	{sArray(`"type":"int32"`), `{"a":1}`, "", RuleType},
	{sArray(sDecimal), `["AMg=","/w==",1.5]`, `jsonb [2.00,-0.01,1.50]`, ""},
	{sArray(sVariable), `[{"scale":20,"value":"AQ=="}]`, `jsonb [0.00000000000000000001]`, ""},
	{sArray(sDate), `[20412,-735160,-2147472692]`, `jsonb ["2025-11-20","0044-03-15 BC","infinity"]`, ""},
	{sArray(sMicro), `[1700000000123457,9223372036825200000,-62167219200000000]`, `jsonb ["2023-11-14 22:13:20.123457","infinity","0001-01-01 00:00:00 BC"]`, ""},
	{sArray(sMicroTime), `[0,86400000000]`, `jsonb ["00:00:00","24:00:00"]`, ""},
	{sArray(sZoned), `["2026-11-21T02:04:14+05:30"]`, `jsonb ["2026-11-20 20:34:14+00"]`, ""},
	{sArray(sZonedTime), `["02:04:14.5+05:30"]`, `jsonb ["02:04:14.5+05:30"]`, ""},
	{sArray(sUUID), `["59BE9ba0-3d7a-6683-ceea-29f87d02f1cd"]`, `jsonb ["59be9ba0-3d7a-6683-ceea-29f87d02f1cd"]`, ""},
	{sArray(sText), `["a\"b","\u0000é",null]`, `jsonb ["a\"b","` + "\ufffdé" + `",null]`, ""},
	{sArray(sText), "[\"x\xffy\"]", `jsonb ["x` + "\ufffd" + `y"]`, ""},
	{sArray(sText), `["\u0001\u000b\t\u2028"]`, `jsonb ["\u0001\u000b\t` + `\u2028` + `"]`, ""},
	{sArray(sJSON), `["{\"a\": [1]}","2"]`, `jsonb [{"a":[1]},2]`, ""},
	{sArray(sJSON), `["],["]`, "", RuleFormat},
	{sArray(`"type":"double"`), `[1.5,"NaN",1e10]`, `jsonb [1.5,"NaN",1e10]`, ""},
	{sArray(`"type":"double"`), `[1e400]`, "", RuleRange},
	{sArray(`"type":"boolean"`), `[true,null]`, `jsonb [true,null]`, ""},
	{sArray(`"type":"bytes"`), `["3q2+7wD/"]`, `jsonb ["3q2+7wD/"]`, ""},
	{sArray(`"type":"bytes"`), `["!"]`, "", RuleFormat},
	{sArray(sBits), `["qg=="]`, `jsonb ["000010101010"]`, ""},
	{sArray(sArray(`"type":"int32"`)), `[[1],[2,3],null]`, `jsonb [[1],[2,3],null]`, ""},
	{sArray(sText), `["__debezium_unavailable_value"]`, "jsonb UNAVAILABLE", ""},
	{sArray(`"type":"bytes"`), `["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`, "jsonb UNAVAILABLE", ""},
	{sArray(`"type":"int32"`), `[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`, "jsonb UNAVAILABLE", ""},
	{sArray(sUUID), `["` + nameUUID([]byte(DefaultPlaceholder)) + `"]`, "jsonb UNAVAILABLE", ""},
	{sMap, `{"b":"1","a":null}`, `jsonb {"a":null,"b":"1"}`, ""},
	{sMap, `[["a","b"]]`, `jsonb [["a","b"]]`, ""},
	{sMap, `{"__debezium_unavailable_value":"__debezium_unavailable_value"}`, "jsonb UNAVAILABLE", ""},
	{sPoint, `{"x":1.5,"y":-2.25,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAALA","srid":null}`, `jsonb {"srid":null,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAALA","x":1.5,"y":-2.25}`, ""},
	{sPoint, `{"x":-9.9999999E7,"y":-9.9999999E7,"wkb":null,"srid":null}`, "jsonb UNAVAILABLE", ""},
	{sGeometry, `{"wkb":"AQEAACDmEAAAAAAA/IPXl8EAAAD8g9eXwQ==","srid":4326}`, "jsonb UNAVAILABLE", ""},
	{sGeometry, `{"wkb":"AQEAACDmEAAADCHn/f9/ZkAYQs77/39WQA==","srid":4326}`, "jsonb UNAVAILABLE", ""},
	{`"type":"struct","fields":[{"field":"d",` + sDecimal + `},{"field":"t",` + sDate + `}]`, `{"d":"AMg=","t":0,"else":{"x":[1,"\ud800"]}}`, `jsonb {"d":2.00,"else":{"x":[1,"` + "\ufffd" + `"]},"t":"1970-01-01"}`, ""},
	{`"type":"odd"`, `{"a":[1,{"b":1e5}]}`, `jsonb {"a":[1,{"b":1e5}]}`, ""},
	{`"type":"odd"`, `1e200000`, "", RuleRange},
}

func fieldRecord(schema, value string) []byte {
	return []byte(`{"schema":{"type":"struct","fields":[{"type":"struct","field":"after","fields":[{"field":"v",` + schema + `}]}]},"payload":{"op":"c","source":{"schema":"s","table":"t","ts_ms":1},"after":{"v":` + value + `}}}`)
}

// TestValues decodes every case and asks the twin as well.
func TestValues(t *testing.T) {
	for _, c := range valueCases {
		var arena change.Arena
		var ev change.Event
		record := fieldRecord(c.schema, c.json)
		_, err := NewDecoder(Options{}).Decode(nil, record, &arena, &ev)
		if c.bad != "" {
			bad := asBad(err)
			if bad == nil || bad.Rule != c.bad || bad.Column != "v" {
				t.Errorf("%s %s: got %v, want %s", c.schema, c.json, err, c.bad)
			}
			if err != nil && strings.Contains(err.Error(), c.json) && len(c.json) > 3 {
				t.Errorf("%s: the error holds the value", c.json)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s %s: %v", c.schema, c.json, err)
			continue
		}
		if got := show(ev.Shape, ev.Row)["v"]; got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.schema, c.json, got, c.want)
		}
		replaced := strings.Contains(c.want, "\ufffd")
		if (ev.Repaired == 1) != replaced {
			t.Errorf("%s: %d repaired", c.json, ev.Repaired)
		}
	}
}

// twinKnows is false for forms that the twin was not told of.
func (c valueCase) twinKnows() bool {
	if strings.Contains(c.schema, "2147483647") {
		return false
	}
	special := c.schema == sPoint || c.schema == sGeometry || strings.Contains(c.json, "-")
	return !special || !strings.Contains(c.want, "UNAVAILABLE")
}

// TestValuesAgainstTwin: the twin, too, says what the table says.
func TestValuesAgainstTwin(t *testing.T) {
	for _, c := range valueCases {
		if !c.twinKnows() {
			continue
		}
		_, ev, err := twin{}.decode(nil, fieldRecord(c.schema, c.json))
		if (err != nil) != (c.bad != "") {
			t.Errorf("%s %s: %v", c.schema, c.json, err)
		} else if err == nil && ev.row["v"] != c.want {
			t.Errorf("%s %s:\n twin %s\n want %s", c.schema, c.json, ev.row["v"], c.want)
		}
	}
}

// TestLongNumbers: numeric's own limits.
func TestLongNumbers(t *testing.T) {
	nines := strings.Repeat("9", 11992) // with the fraction 2999 groups
	scale := fmt.Sprintf(`"type":"bytes","name":"x.connect.data.Decimal","parameters":{"scale":"%d"}`, maxScale)
	for _, c := range []valueCase{
		{sDecimal, nines, "numeric " + nines + ".00", ""},
		{sDecimal, nines + "999999999", "", RuleRange},
		{sDecimal, strings.Repeat("9", 131073), "", RuleRange},
		{sDecimal, "1e131071", "numeric 1" + strings.Repeat("0", 131071) + ".00", ""},
		{sDecimal, "1e131072", "", RuleRange},
		{scale, "1e-16383", "numeric 0." + strings.Repeat("0", 16382) + "1", ""},
		{scale, "1e-16384", "", RuleRange},
	} {
		var arena change.Arena
		var ev change.Event
		_, err := NewDecoder(Options{}).Decode(nil, fieldRecord(c.schema, c.json), &arena, &ev)
		if c.bad != "" {
			if bad := asBad(err); bad == nil || bad.Rule != c.bad {
				t.Errorf("%.20s: %v", c.json, err)
			}
			continue
		}
		if err != nil || show(ev.Shape, ev.Row)["v"] != c.want {
			t.Errorf("%.20s: %v, wrong value", c.json, err)
		}
	}
}
