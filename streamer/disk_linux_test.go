package streamer

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// smallDisk is a tablespace on a file system of two megabytes, which grow makes
// larger. Only root can make one; TestServerFaults has the same error for everybody.
func (b *bed) smallDisk() (tablespace string, grow func()) {
	b.Helper()
	data, err := os.Stat(b.text("SHOW data_directory"))
	if err != nil || os.Geteuid() != 0 {
		b.Skip("needs root and PostgreSQL on this machine")
	}
	dir, err := os.MkdirTemp("", "metadb-disk-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		b.Skipf("a file system of its own cannot be mounted: %v", err)
	}
	b.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	owner, ok := data.Sys().(*syscall.Stat_t)
	if !ok {
		b.Fatal("the owner of PostgreSQL's data is not known")
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		b.Fatal(err)
	}
	name := "small_" + b.text("SELECT current_database()")
	b.exec("CREATE TABLESPACE " + name + " LOCATION '" + dir + "'")
	return name, func() {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDiskFull fills the disk of a table. The source says so and waits; when there
// is room again it goes on by itself, with nothing lost and nothing set aside.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	disk, grow := b.smallDisk()
	b.Cleanup(func() {
		for _, sql := range []string{"ALTER TABLE lib.item SET TABLESPACE pg_default", "DROP TABLESPACE " + disk} {
			if _, err := b.pool.Exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
	})
	b.produce(item(0, "{}"))
	b.source(`^m\.`)
	b.start()
	b.drained()
	b.exec("ALTER TABLE lib.item SET TABLESPACE " + disk)
	var records []*kgo.Record
	for id := range 200 {
		var doc strings.Builder // 20 kB that cannot be compressed much
		for doc.Len() < 20_000 {
			doc.WriteByte(byte('a' + rand.IntN(26)))
		}
		records = append(records, item(id+1, `{"d":"`+doc.String()+`"}`))
	}
	b.produce(records...)
	b.waitFor("true", "SELECT (source_stream = 'error' AND reason LIKE '%No space left on device%53100%')::text FROM metadb.status")
	b.runsAgain(2)
	grow()
	b.drained()
	b.waitFor("active||0|201", "SELECT concat_ws('|', source_stream, reason, dead_letters, (SELECT count(*) FROM lib.item__)) FROM metadb.status")
}
