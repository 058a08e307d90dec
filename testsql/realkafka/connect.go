package realkafka

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Connect is a worker of Kafka Connect that has Debezium's PostgreSQL connector.
type Connect struct {
	t         testing.TB
	broker    *Broker
	libraries string
	dir       string
	url       string
	program   *program
}

// StartConnect runs a worker until the test ends.
func (b *Broker) StartConnect(t testing.TB) *Connect {
	t.Helper()
	c := &Connect{t: t, broker: b, libraries: b.libraries, dir: t.TempDir()}
	write(t, c.dir, "log4j.properties", quietLog)
	plugins := filepath.Join(c.dir, "plugins")
	if err := os.Mkdir(plugins, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages(t, debezium), filepath.Join(plugins, "debezium-postgres")); err != nil {
		t.Fatal(err)
	}
	c.url = "http://127.0.0.1:" + ports(t, 1)[0]
	write(t, c.dir, "worker.properties", fmt.Sprintf(`bootstrap.servers=%s
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=true
value.converter.schemas.enable=true
offset.storage.file.filename=%s/offsets.dat
offset.flush.interval.ms=1000
listeners=%s
plugin.path=%s
plugin.discovery=service_load
producer.max.request.size=20971520
connector.client.config.override.policy=All
`, b.Plaintext, c.dir, c.url, plugins))
	c.start()
	return c
}

func (c *Connect) start() {
	c.t.Helper()
	c.program = launch(c.t, arguments(c.dir, "768m", c.libraries,
		"org.apache.kafka.connect.cli.ConnectStandalone", filepath.Join(c.dir, "worker.properties")))
	await(c.t, "start of Kafka Connect", c.program, func(ctx context.Context) error {
		return c.call(ctx, http.MethodGet, "/connectors", nil, nil)
	})
}

// Restart kills the worker and starts it again.  Its connectors are gone and must be
// created again; they go on at the offsets that were stored last, and so send
// some events twice.
func (c *Connect) Restart() {
	c.t.Helper()
	c.program.stop()
	c.start()
}

// Create makes a connector and waits until its task runs.
func (c *Connect) Create(name string, config map[string]string) {
	c.t.Helper()
	request := map[string]any{"name": name, "config": config}
	if err := c.call(c.t.Context(), http.MethodPost, "/connectors", request, nil); err != nil {
		c.t.Fatal(err)
	}
	await(c.t, "start of the connector", c.program, func(ctx context.Context) error {
		var status struct {
			Tasks []struct{ State, Trace string }
		}
		if err := c.call(ctx, http.MethodGet, "/connectors/"+name+"/status", nil, &status); err != nil {
			return err
		}
		if len(status.Tasks) != 1 || status.Tasks[0].State != "RUNNING" {
			return fmt.Errorf("connector %s: %+v", name, status.Tasks)
		}
		return nil
	})
}

// call calls the worker's interface.
func (c *Connect) call(ctx context.Context, method, path string, request, response any) error {
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	case response == nil:
		return nil
	}
	return json.Unmarshal(text, response)
}
