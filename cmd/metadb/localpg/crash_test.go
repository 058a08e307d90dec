package localpg

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// envChild makes the test binary play a program that starts a server and is
// then killed; its value is the directory for temporary files.
const envChild = "LOCALPG_TEST_CHILD"

// startAndHang prints the server's data directory and waits to be killed.
func startAndHang() {
	server, err := Start(context.Background(), Options{Settings: quick()})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(server.dir.data())
	select {}
}

func TestKillIsACrash(t *testing.T) {
	t.Parallel()
	var log strings.Builder // read only while the server is down
	server := start(t, Options{Settings: quick(), Log: &log})
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session outlived the kill")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "was not properly shut down") {
		t.Errorf("no recovery in the log: %s", log.String())
	}
}

// TestServerDiesWithItsProgram kills a program that runs a server, and then
// sees that the server is gone and the next start clears its directory.
func TestServerDiesWithItsProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a child of its parent's death")
	}
	temp := openDir(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envChild+"=1", "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	data, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	data = strings.TrimSpace(data)
	pid, _ := readPidFile(data)
	if pid == 0 {
		t.Fatalf("no server: %s", data)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for runs(pid) {
		select {
		case <-ticker.C:
		case <-deadline.C:
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			t.Fatal("the server outlived its program")
		}
	}
	removeAbandoned(temp)
	if _, err := os.Stat(filepath.Dir(data)); err == nil {
		t.Error("the abandoned directory is still there")
	}
}
