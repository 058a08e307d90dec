package examples

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"metadb/testsql/poll"
	program "metadb/testsql/psql"
)

// patient bounds each wait, on a busy machine.
const patient = 30 * time.Second

// psql is a running psql.
type psql struct {
	*testing.T
	in     io.Writer
	out    *os.File
	lines  *bufio.Reader
	inputs int
}

// startPSQL starts psql with the arguments that a person gives it.
func startPSQL(t *testing.T, args ...string) *psql {
	t.Helper()
	name, err := program.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, append(args, "-X", "-v", "VERBOSITY=default")...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PGTZ=UTC")
	cmd.Stdout, cmd.Stderr = write, write
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		_ = read.Close()
	})
	return &psql{T: t, in: in, out: read, lines: bufio.NewReader(read)}
}

// run gives psql an input and returns what it answers.
func (p *psql) run(input string) string {
	p.Helper()
	p.inputs++
	end := fmt.Sprintf("--- end of answer %d", p.inputs)
	if err := p.out.SetReadDeadline(time.Now().Add(patient)); err != nil {
		p.Fatal(err)
	}
	_, _ = fmt.Fprintf(p.in, "%s\n\\echo '%s'\n", input, end)
	var answer strings.Builder
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			p.Fatalf("%s: %v, after %q", input, err, answer.String()+line)
		}
		if strings.TrimRight(line, "\n") == end {
			return answer.String()
		}
		answer.WriteString(line)
	}
}

// repeatable says whether an input only looks, so that it may be asked again
// until its answer is the printed one: what statements ask of the server comes
// after their commit.
func repeatable(input string) bool {
	word, _, _ := strings.Cut(strings.ToUpper(input), " ")
	return word == "SELECT" || word == "LIST"
}

// play holds a conversation. change turns what is printed into what is so here,
// back the other way round.
func (p *psql) play(steps []Step, change, back *strings.Replacer) {
	p.Helper()
	for _, step := range steps {
		answer, fits := "", false
		poll.Until(p.Context(), 50*time.Millisecond, patient, func() bool {
			answer = back.Replace(p.run(change.Replace(step.Input)))
			fits = step.Fits(answer)
			return fits || !repeatable(step.Input)
		})
		if !fits {
			p.Fatalf("line %d: %s\nanswers\n%s\nbut is printed with\n%s", step.Line, step.Input, answer, step.Answer)
		}
	}
}
