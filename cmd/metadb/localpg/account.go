package localpg

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the operating system user that the server runs as; nil means
// the user of this program.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount picks an account: PostgreSQL refuses to run as root.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("no user postgres or nobody to run the server as (it refuses to run as root)")
}

// credential is what a child process needs to run as the account.
func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives paths to the account.
func (a *account) own(paths ...string) error {
	if a == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return nil
}

// reaches says whether the account can enter dir: every directory on the way
// must let it pass.  It returns the one that does not.
func (a *account) reaches(dir string) (blocked string, ok bool) {
	if a == nil {
		return "", true
	}
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return dir, false
		}
		need := os.FileMode(0o001)
		if stat, isUnix := info.Sys().(*syscall.Stat_t); isUnix {
			switch {
			case stat.Uid == a.uid:
				need = 0o100
			case stat.Gid == a.gid:
				need = 0o010
			}
		}
		if info.Mode()&need == 0 {
			return dir, false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", true
		}
		dir = parent
	}
}
