//go:build unix && !linux

package localpg

import "syscall"

// procAttr makes the server run as the account, outside of the terminal's
// group: an interrupt is for the program, which then stops the server.
func procAttr(acct *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: acct.credential(), Setpgid: true}
}

// crash ends the server at once: it ends its children itself and writes
// nothing.
func (p *process) crash() error {
	if err := p.signal(syscall.SIGQUIT); err != nil {
		return err
	}
	<-p.exited
	return nil
}
