package pgwire

// refusal ends a session.
type refusal struct {
	code, message, hint string
	// limit says that a limit was reached, which may need an operator.
	limit bool
}

func (r *refusal) Error() string { return r.message }

// wire is the refusal as a FATAL error.
func (r *refusal) wire() []byte {
	f := fields{{severityField, "FATAL"}, {fixedSeverity, "FATAL"}, {codeField, r.code}, {messageField, r.message}}
	if r.hint != "" {
		f = f.set(hintField, r.hint)
	}
	return f.message()
}
