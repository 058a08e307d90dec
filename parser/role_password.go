package parser

import (
	"encoding/base64"
	"strings"
)

// Roles' passwords stand in statements of PostgreSQL's own, which stay as they are but
// for this one literal: in its place goes what PostgreSQL would store of it.

// maxPasswords are how many of a message's passwords are replaced: each takes more than a
// millisecond, which somebody without the right to give any could make us spend.
const maxPasswords = 200

// roleForms are how the statements begin that may give a role a password.
var roleForms = func() (list []form) {
	for _, verb := range []string{"create", "alter"} {
		for _, kind := range []string{"role", "user", "group"} {
			list = append(list, form{words: []string{verb, kind}, claim: 2})
		}
	}
	return list
}()

// beginsRole says whether the words at an offset begin such a statement.
func beginsRole(message string, at int) bool {
	if at >= len(message) || strings.IndexByte("cCaA", message[at]) < 0 {
		return false
	}
	for i := range roleForms {
		if roleForms[i].claims(message, at) > 0 {
			return true
		}
	}
	return false
}

// rolePasswords are the literals of a statement that are passwords of roles.
func rolePasswords(message string, s statement) (literals []token) {
	if len(s.tokens) < 5 || !beginsRole(message, s.start()) {
		return nil
	}
	// The options of a user mapping look alike, and are sent to another server.
	if f := (form{words: []string{"mapping"}}); f.match(message, s.tokens[2:]) == 1 {
		return nil
	}
	// The third word is the role, which may have any name.
	for i := 4; i < len(s.tokens); i++ {
		behind := form{words: []string{"password"}}
		if s.tokens[i].kind == text && behind.match(message, s.tokens[i-1:]) == 1 && s.tokens[i-1].kind == word {
			literals = append(literals, s.tokens[i])
		}
	}
	return literals
}

// verifierOf makes the literal that stands for a password's. It is not ok if the literal
// is to stay: PostgreSQL is to say what is wrong with it, or it holds no password.
func verifierOf(source string, isUTF8 bool) (literal string, ok bool) {
	password, problem := literalValue(source, isUTF8)
	if problem != "" || password == "" || isVerifier(password) {
		return "", false
	}
	if !isUTF8 && strings.ContainsFunc(password, func(r rune) bool { return r >= 0x80 }) {
		return "", false // its bytes are not those that clients will sign in with
	}
	verifier, err := Verifier(password)
	if err != nil {
		return "", false
	}
	// In the plain form, which may follow a word without a blank. A verifier has neither
	// quotes nor backslashes.
	return "'" + verifier + "'", true
}

// isVerifier says that PostgreSQL takes a text for what it is to store: a verifier, or
// an MD5 hash.
func isVerifier(s string) bool {
	if hash, ok := strings.CutPrefix(s, "md5"); ok && len(hash) == 32 {
		return strings.Trim(hash, "0123456789abcdef") == ""
	}
	rest, ok := strings.CutPrefix(s, "SCRAM-SHA-256$")
	iterations, rest, okSalt := strings.Cut(rest, ":")
	salt, rest, okKeys := strings.Cut(rest, "$")
	stored, server, okServer := strings.Cut(rest, ":")
	if !ok || !okSalt || !okKeys || !okServer || iterations == "" || digits(iterations, len(iterations), 10) < len(iterations) {
		return false
	}
	for i, part := range []string{salt, stored, server} {
		key, err := base64.StdEncoding.DecodeString(part)
		if err != nil || i > 0 && len(key) != 32 {
			return false
		}
	}
	return true
}
