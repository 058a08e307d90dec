package parser

// SQLSTATEs of the mistakes that are found here.
const (
	syntaxError      = "42601"
	invalidParameter = "22023"
	invalidRegexp    = "2201B"
	invalidEscape    = "22025"
	outOfRange       = "22003"
	nameTooLong      = "42622"
	duplicateObject  = "42710"
)

// Error is a mistake in one of our statements, in the fields of PostgreSQL's
// error message.
type Error struct {
	Code     string // SQLSTATE
	Message  string
	Hint     string // empty if there is none
	Position int    // 1-based, in characters of the client's text

	at int // byte offset, until Rewrite knows the position
}

// Error is the message, with its SQLSTATE.
func (e *Error) Error() string {
	return e.Message + " (SQLSTATE " + e.Code + ")"
}
