package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A script is lines of these forms; empty ones and comments (#) are skipped.
//
//	session b max_protocol_version=3.2   another session begins, with parameters
//	on a                                 the session that the next lines are about
//	Query SELECT 1                       a message by its only field
//	Parse {"Name": "p", "Query": "…"}    or as pgproto3 has it in JSON
//	wait 2                               prints answers to the second ReadyForQuery
//	wait CopyInResponse                  or to a message of that type
//	end                                  prints answers until the server closes
//	half                                 sends no more, but goes on reading
//	startup 3.9999 _pq_.x=y              a start-up packet; prints up to the first request for a password
//	raw 00000008 04d2162f                bytes of a new connection; prints what comes until its end
//
// The first session is called a and begins by itself.

// answerTime bounds waiting for one message.
const answerTime = 30 * time.Second

// maxShown is the longest line that is shown whole.
const maxShown = 3000

// play is one run of a script.
type play struct {
	address  string // of a superuser, with password
	sessions map[string]*pgconn.HijackedConn
	now      string
	out      bytes.Buffer
	mask     *strings.Replacer
}

// playScript runs a script's file and returns the answers.
func playScript(t *testing.T, file, address string, mask *strings.Replacer) string {
	t.Helper()
	script, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := &play{address: address, sessions: map[string]*pgconn.HijackedConn{}, now: "a", mask: mask}
	defer func() {
		for _, s := range p.sessions {
			_ = s.Conn.Close()
		}
	}()
	for i, line := range strings.Split(string(script), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Fprintf(&p.out, "> %s\n", line)
		if err := p.line(t.Context(), line); err != nil {
			t.Fatalf("%s:%d: %s: %v\n%s", file, i+1, line, err, p.out.String())
		}
	}
	return p.out.String()
}

// session is the present one.
func (p *play) session(ctx context.Context) (*pgconn.HijackedConn, error) {
	if p.sessions[p.now] == nil {
		if err := p.connect(ctx, p.now, ""); err != nil {
			return nil, err
		}
	}
	return p.sessions[p.now], nil
}

func (p *play) connect(ctx context.Context, name, parameters string) error {
	config, err := pgconn.ParseConfig(p.address + "&" + strings.ReplaceAll(parameters, " ", "&"))
	if err != nil {
		return err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			fmt.Fprintf(&p.out, "refused: %s %s\n", refused.Code, p.mask.Replace(refused.Message))
			return nil
		}
		return err
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		return err
	}
	p.sessions[name] = hijacked
	if parameters != "" {
		for _, key := range []string{"application_name", "client_encoding", "DateStyle", "TimeZone"} {
			fmt.Fprintf(&p.out, "%s=%s\n", key, hijacked.ParameterStatuses[key])
		}
		fmt.Fprintf(&p.out, "key of %d bytes\n", len(hijacked.SecretKey))
	}
	return nil
}

func (p *play) line(ctx context.Context, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "session":
		name, parameters, _ := strings.Cut(rest, " ")
		p.now = name
		return p.connect(ctx, name, parameters)
	case "on":
		p.now = rest
		return nil
	case "startup", "raw":
		return p.first(ctx, word, rest)
	}
	s, err := p.session(ctx)
	if err != nil {
		return err
	}
	switch word {
	case "wait":
		return p.wait(s, rest)
	case "end":
		return p.wait(s, "")
	case "half":
		return s.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	m, err := message(word, rest)
	if err != nil {
		return err
	}
	s.Frontend.Send(m)
	return s.Frontend.Flush()
}

// message is a message by its type and fields.
func message(kind, fields string) (pgproto3.FrontendMessage, error) {
	m := map[string]pgproto3.FrontendMessage{
		"Query": &pgproto3.Query{}, "Parse": &pgproto3.Parse{}, "Bind": &pgproto3.Bind{}, "Describe": &pgproto3.Describe{},
		"Execute": &pgproto3.Execute{}, "Close": &pgproto3.Close{}, "Sync": &pgproto3.Sync{}, "Flush": &pgproto3.Flush{},
		"CopyData": &pgproto3.CopyData{}, "CopyDone": &pgproto3.CopyDone{}, "CopyFail": &pgproto3.CopyFail{},
		"FunctionCall": &pgproto3.FunctionCall{}, "Terminate": &pgproto3.Terminate{},
	}[kind]
	if m == nil {
		return nil, errors.New("no such message")
	}
	short := !strings.HasPrefix(fields, "{")
	switch one := m.(type) {
	case *pgproto3.Query:
		if short {
			one.String = fields
			return m, nil
		}
	case *pgproto3.Parse:
		if short {
			one.Query = fields
			return m, nil
		}
	case *pgproto3.CopyData:
		one.Data = []byte(strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(fields))
		return m, nil
	case *pgproto3.CopyFail:
		one.Message = fields
		return m, nil
	}
	if fields == "" {
		return m, nil
	}
	return m, json.Unmarshal([]byte(fields), m)
}

// wait prints answers up to one of a type, up to a number of ReadyForQuery, or to
// the connection's end.
func (p *play) wait(s *pgconn.HijackedConn, until string) error {
	ready, err := strconv.Atoi(until)
	counted := err == nil
	for {
		if err := s.Conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
			return err
		}
		m, err := s.Frontend.Receive()
		if err != nil {
			var slow net.Error
			if until != "" || errors.As(err, &slow) && slow.Timeout() {
				return err
			}
			p.out.WriteString("closed\n")
			return nil
		}
		kind, err := p.print(m)
		if err != nil {
			return err
		}
		if kind == "ReadyForQuery" && counted {
			ready--
		}
		if counted && ready == 0 || kind == until {
			return nil
		}
	}
}

// print shows an answer, without what differs from run to run.
func (p *play) print(m pgproto3.BackendMessage) (kind string, err error) {
	switch one := m.(type) {
	case *pgproto3.RowDescription:
		for i := range one.Fields {
			one.Fields[i].TableOID = min(one.Fields[i].TableOID, 1)
		}
	case *pgproto3.NotificationResponse:
		one.PID = 0
	case *pgproto3.ErrorResponse:
		one.Line = 0
	case *pgproto3.NoticeResponse:
		one.Line = 0
	}
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	var head struct{ Type string }
	if err := json.Unmarshal(text, &head); err != nil {
		return "", err
	}
	if len(text) > maxShown {
		fmt.Fprintf(&p.out, "%s of %d bytes, %x\n", head.Type, len(text), sha256.Sum256(text))
		return head.Type, nil
	}
	fmt.Fprintf(&p.out, "%s\n", p.mask.Replace(string(text)))
	return head.Type, nil
}
