package change

// Type is the warehouse type of a column: the closed set of PostgreSQL types
// that event columns are stored as.
type Type uint8

// The zero Type is no type at all; it never appears in a valid Shape.
const (
	NoType Type = iota
	Bool
	Int2
	Int4
	Int8
	Float4
	Float8
	Numeric
	Date
	Time
	TimeTZ
	Timestamp
	TimestampTZ
	UUID
	JSONB
	Text
	Bytea
)

// typeInfo describes one Type; the array index is the Type itself.
var typeInfo = [...]struct {
	sql   string // name in DDL
	oid   uint32 // pg_type.oid
	array uint32 // pg_type.typarray
}{
	NoType:      {"unknown", 705, 0},
	Bool:        {"boolean", 16, 1000},
	Int2:        {"smallint", 21, 1005},
	Int4:        {"integer", 23, 1007},
	Int8:        {"bigint", 20, 1016},
	Float4:      {"real", 700, 1021},
	Float8:      {"double precision", 701, 1022},
	Numeric:     {"numeric", 1700, 1231},
	Date:        {"date", 1082, 1182},
	Time:        {"time without time zone", 1083, 1183},
	TimeTZ:      {"time with time zone", 1266, 1270},
	Timestamp:   {"timestamp without time zone", 1114, 1115},
	TimestampTZ: {"timestamp with time zone", 1184, 1185},
	UUID:        {"uuid", 2950, 2951},
	JSONB:       {"jsonb", 3802, 3807},
	Text:        {"text", 25, 1009},
	Bytea:       {"bytea", 17, 1001},
}

// String is the type's name as format_type prints it and DDL takes it.
func (t Type) String() string { return typeInfo[t].sql }

// OID is the type's row in pg_type.
func (t Type) OID() uint32 { return typeInfo[t].oid }

// ArrayOID is the row of the type's array type in pg_type.
func (t Type) ArrayOID() uint32 { return typeInfo[t].array }

// TypeOfOID is the Type stored under a pg_type oid; varchar and bpchar count as
// Text. ok is false for a type the warehouse never creates.
func TypeOfOID(oid uint32) (t Type, ok bool) {
	switch oid {
	case 1043, 1042:
		return Text, true
	}
	for i := range typeInfo {
		if typeInfo[i].oid == oid && Type(i) != NoType {
			return Type(i), true
		}
	}
	return NoType, false
}
