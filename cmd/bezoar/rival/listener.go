package rival

import (
	"fmt"
	"net"
	"path/filepath"
)

// ControlSocket is where a codex in a terminal looks for a server of its home, and where
// codex app-server --listen unix:// serves.
func ControlSocket(home string) string {
	return filepath.Join(home, "app-server-control", "app-server-control.sock")
}

// Server is the program at the other end of a connection.
type Server struct {
	PID     int    // 0 if the system does not say it
	Name    string // of the program, "" if it is not known
	IsCodex bool
}

// At is the program that listens at the socket to which the connection leads.
func At(conn net.Conn) Server {
	s := Server{PID: peerOf(conn)}
	if running, _ := processes(); s.PID != 0 && len(running[s.PID].words) > 0 {
		s.Name = filepath.Base(running[s.PID].words[0])
		s.IsCodex = isCodex(s.Name)
	}
	return s
}

func (s Server) String() string {
	switch {
	case s.PID == 0:
		return "a program"
	case s.Name == "":
		return fmt.Sprintf("process %d", s.PID)
	}
	return fmt.Sprintf("process %d (%s)", s.PID, s.Name)
}
