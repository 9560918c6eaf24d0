package rival

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// processes asks for the running programs, and reads the words, variables and folder of
// each out of its memory, where Windows keeps them (RTL_USER_PROCESS_PARAMETERS in
// Microsoft's "PEB structure"). Memory of programs of other users cannot be read.
func processes() (running map[int]process, isKnown bool) {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return nil, false
	}
	defer windows.CloseHandle(all)
	running = map[int]process{}
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &entry); err == nil; err = windows.Process32Next(all, &entry) {
		if p, ok := processAt(entry.ProcessID); ok {
			p.parent = int(entry.ParentProcessID)
			running[p.pid] = p
		}
	}
	for pid, p := range running { // the number of a parent that has ended may be given to another program
		if above, ok := running[p.parent]; ok && above.began.After(p.began) {
			p.parent = 0
			running[pid] = p
		}
	}
	return running, len(running) > 0
}

// processAt reads one process. ok is false for one that has ended and for one that may not
// be read.
func processAt(pid uint32) (p process, ok bool) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, pid)
	if err != nil {
		return p, false
	}
	defer windows.CloseHandle(handle)
	var began, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(handle, &began, &ended, &kernel, &user) != nil || ended != (windows.Filetime{}) {
		return p, false
	}
	m := memory{handle}
	parameters := m.parameters()
	words, err := windows.DecomposeCommandLine(m.text(parameters + unsafe.Offsetof(layout.CommandLine)))
	if err != nil || len(words) == 0 {
		return p, false
	}
	folder := m.text(parameters + unsafe.Offsetof(layout.CurrentDirectory) + unsafe.Offsetof(layout.CurrentDirectory.DosPath))
	variables := m.variables(parameters)
	return process{
		pid: int(pid), words: words, began: time.Unix(0, began.Nanoseconds()),
		variables: func() []string { return variables },
		path: func(path string) string {
			if filepath.IsAbs(path) {
				return path
			}
			return filepath.Join(folder, path)
		},
	}, true
}

// memory is that of another process. Its addresses are numbers here: as pointers, they
// would mean places in the memory of this one.
type memory struct{ of windows.Handle }

// layout says where each of the parameters of a process is.
var layout windows.RTL_USER_PROCESS_PARAMETERS

// parameters is the address of what the process was started with, 0 if it is not known.
func (m memory) parameters() uintptr {
	var basic [unsafe.Sizeof(windows.PROCESS_BASIC_INFORMATION{}) / unsafe.Sizeof(uintptr(0))]uintptr
	err := windows.NtQueryInformationProcess(m.of, windows.ProcessBasicInformation, unsafe.Pointer(&basic), uint32(unsafe.Sizeof(basic)), nil)
	block := basic[unsafe.Offsetof(windows.PROCESS_BASIC_INFORMATION{}.PebBaseAddress)/unsafe.Sizeof(uintptr(0))]
	if err != nil || block == 0 {
		return 0
	}
	return m.number(block + unsafe.Offsetof(windows.PEB{}.ProcessParameters))
}

// number is the number at an address, 0 if it cannot be read.
func (m memory) number(at uintptr) (n uintptr) {
	m.read(at, unsafe.Pointer(&n), unsafe.Sizeof(n))
	return n
}

// text is the text that a NTUnicodeString at an address has, "" if it cannot be read.
func (m memory) text(at uintptr) string {
	var lengthBytes uint16
	m.read(at, unsafe.Pointer(&lengthBytes), unsafe.Sizeof(lengthBytes))
	return windows.UTF16ToString(m.units(m.number(at+unsafe.Offsetof(windows.NTUnicodeString{}.Buffer)), uintptr(lengthBytes)))
}

// variablesLimitBytes is more than any program has.
const variablesLimitBytes = 1 << 20

// variables are the environment of the process: texts with a zero behind each.
func (m memory) variables(parameters uintptr) []string {
	size := min(m.number(parameters+unsafe.Offsetof(layout.EnvironmentSize)), variablesLimitBytes)
	units := m.units(m.number(parameters+unsafe.Offsetof(layout.Environment)), size)
	var all []string
	for len(units) > 0 {
		end := slices.Index(units, 0)
		if end <= 0 {
			break
		}
		name, value, _ := strings.Cut(windows.UTF16ToString(units[:end]), "=")
		all = append(all, strings.ToUpper(name)+"="+value) // a name is the same one in small letters
		units = units[end+1:]
	}
	return all
}

// units is UTF-16 at an address, nil if it cannot be read.
func (m memory) units(at, sizeBytes uintptr) []uint16 {
	units := make([]uint16, sizeBytes/2)
	if len(units) == 0 || !m.read(at, unsafe.Pointer(&units[0]), uintptr(len(units))*2) {
		return nil
	}
	return units
}

// read copies memory of the process at an address into ours.
func (m memory) read(at uintptr, to unsafe.Pointer, size uintptr) bool {
	var got uintptr
	err := windows.ReadProcessMemory(m.of, at, (*byte)(to), size, &got)
	return err == nil && got == size
}
