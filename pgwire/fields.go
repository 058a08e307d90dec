package pgwire

// field is one field of an error.
type field struct {
	code  byte
	value string
}

// Fields of an error, by the letters of the protocol.
const (
	severityField = 'S'
	fixedSeverity = 'V' // the severity, never translated
	codeField     = 'C'
	messageField  = 'M'
	hintField     = 'H'
	positionField = 'P'
	contextField  = 'W'
)

// fields are those of one error, in order.
type fields []field

// parseFields reads the body of an ErrorResponse.
func parseFields(body []byte) (f fields, ok bool) {
	for len(body) > 0 && body[0] != 0 {
		value, rest, ok := cut(body[1:])
		if !ok {
			return nil, false
		}
		f = append(f, field{body[0], value})
		body = rest
	}
	return f, len(body) == 1
}

// get is a field's value, or empty.
func (f fields) get(code byte) string {
	for _, one := range f {
		if one.code == code {
			return one.value
		}
	}
	return ""
}

// set changes or adds a field.
func (f fields) set(code byte, value string) fields {
	for i := range f {
		if f[i].code == code {
			f[i].value = value
			return f
		}
	}
	return append(f, field{code, value})
}

// without leaves a field out.
func (f fields) without(code byte) fields {
	var kept fields
	for _, one := range f {
		if one.code != code {
			kept = append(kept, one)
		}
	}
	return kept
}

// message is the fields as an ErrorResponse.
func (f fields) message() []byte {
	var body []byte
	for _, one := range f {
		body = append(body, one.code)
		body = append(body, one.value...)
		body = append(body, 0)
	}
	return newMessage('E', append(body, 0))
}
