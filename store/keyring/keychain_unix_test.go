//go:build unix

package keyring

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
	"golang.org/x/sys/unix"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/storetest"
	"github.com/bezoar-auth/bezoar/store/system"
)

// fakeSecurity is the program security, as its manual and its source have it. A fault is one
// promise that it breaks.
type fakeSecurity struct {
	mu        sync.Mutex // guards what follows
	Items     map[string]string
	Arguments []string // of all its processes

	fault fault
}

type fault struct {
	result    int32         // all that a command does is to fail with it
	exits0    bool          // also if the last command failed
	isSilent  bool          // it does not print what a command returned
	lineBytes int           // of its buffer, in place of 4096
	isDeaf    bool          // it says yes to a change and makes none
	halves    bool          // it prints the half of a value
	hang      chan struct{} // it waits for this one
}

const (
	notFound  = -25300
	noSuchUse = 2
)

func (f *fakeSecurity) main(input string, arguments []string) (printed, complaints string, exit int) {
	if f.fault.hang != nil {
		<-f.fault.hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Arguments = append(f.Arguments, strings.Join(arguments, " "))
	if arguments[0] != "-i" {
		printed, result := f.execute(arguments)
		return printed, "", int(uint8(result))
	}
	result := int32(0)
	for line := ""; ; {
		var whole bool
		if line, input, whole = f.readLine(input); !whole {
			break
		}
		words := splitLine(line)
		if len(words) == 0 {
			result = 0
			continue
		}
		if printed, result = f.execute(words); result != 0 && !f.fault.isSilent {
			complaints += fmt.Sprintf("security: a sentence about %s\n%s: returned %d\n", strings.Join(words, " "), words[0], result)
		}
	}
	if f.fault.exits0 {
		result = 0
	}
	return printed, complaints, int(uint8(result))
}

// readLine is readline.c: a line that is longer than the buffer ends there, and one that does
// not end is none.
func (f *fakeSecurity) readLine(input string) (line, rest string, whole bool) {
	limit := 4096
	if f.fault.lineBytes != 0 {
		limit = f.fault.lineBytes
	}
	for i := range len(input) {
		if i == limit-1 {
			return input[:i], input[i:], true
		}
		if input[i] == '\n' {
			return input[:i], input[i+1:], true
		}
	}
	return "", "", false
}

// splitLine cuts words as security.c does: a quote begins and ends a word, and a backslash
// takes the meaning from what follows it.
func splitLine(line string) (words []string) {
	word, inWord, quote, escaped := "", false, byte(0), false
	for i := range len(line) {
		c := line[i]
		switch {
		case escaped:
			word, escaped = word+string(c), false
		case inWord && c == '\\':
			escaped = true
		case !inWord && (c == '"' || c == '\''):
			inWord, quote = true, c
		case inWord && (quote != 0 && c == quote || quote == 0 && c == ' '):
			words, word, inWord, quote = append(words, word), "", false, 0
		case inWord || c != ' ':
			word, inWord = word+string(c), true
		}
	}
	if inWord {
		words = append(words, word)
	}
	return words
}

// execute does one command. The order of its options does not matter.
func (f *fakeSecurity) execute(words []string) (printed string, result int32) {
	options := map[string]string{}
	for i := 1; i < len(words); i++ {
		option := words[i]
		if option == "-U" || option == "-w" && words[0] == "find-generic-password" {
			options[option] = "yes"
		} else if i++; i < len(words) {
			options[option] = words[i]
		}
	}
	key := options["-s"] + "/" + options["-a"]
	value, exists := f.Items[key]
	switch {
	case f.fault.result != 0:
		return "", f.fault.result
	case options["-s"] == "" || options["-a"] == "":
		return "", noSuchUse
	case words[0] == "add-generic-password" && (!exists || options["-U"] != ""):
		added, err := hex.DecodeString(options["-X"])
		if err != nil {
			return "", noSuchUse
		}
		f.change(func() { f.Items[key] = string(added) })
	case words[0] == "find-generic-password" && exists && options["-w"] != "":
		return f.print(value), 0
	case words[0] == "delete-generic-password" && exists:
		f.change(func() { delete(f.Items, key) })
		return "password has been deleted.\n", 0
	case words[0] == "find-generic-password", words[0] == "delete-generic-password":
		return "", notFound
	default:
		return "", 1
	}
	return "", 0
}

func (f *fakeSecurity) change(do func()) {
	if f.fault.isDeaf {
		return
	}
	if f.Items == nil {
		f.Items = map[string]string{}
	}
	do()
}

func (f *fakeSecurity) print(value string) string {
	if f.fault.halves {
		value = value[:len(value)/2]
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return hex.EncodeToString([]byte(value)) + "\n"
		}
	}
	return value + "\n"
}

// ring is the keychain that this security serves, without a process.
func (f *fakeSecurity) ring() Ring {
	return keychain{security: func(_ *os.File, input string, arguments ...string) (string, error) {
		printed, complaints, exit := f.main(input, arguments)
		if err := failureOf(exit, complaints); err != nil {
			return "", err
		}
		return printed, nil
	}}
}

func (f *fakeSecurity) open(home string) *Store { return openQuiet(home, f.ring(), keychainLimitBytes) }

// securityVariable makes this test binary a fake security, with its state in the file of
// that name.
const securityVariable = "BEZOAR_TEST_SECURITY"

func TestMain(m *testing.M) {
	path, home := os.Getenv(securityVariable), os.Getenv(writerVariable)
	switch {
	case path != "" && len(os.Args) > 1 && os.Args[1] != writerArgument:
		os.Exit(securityMain(path))
	case home != "":
		writeLogin(home)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writerVariable makes this test binary a process that logs in to the home of that name,
// with this binary as its security, which asks its user before each change.
const (
	writerVariable = "BEZOAR_TEST_WRITER"
	writerArgument = "write"
	answerFile     = "answer" // in the home, what the user answered; a pipe
)

func writeLogin(home string) {
	program := must(os.Executable())
	s := Open(home, Options{Ring: keychain{security: securityProgram(program)}, LimitBytes: keychainLimitBytes, Patience: time.Hour})
	if err := s.Replace(background, oldLogin); err != nil {
		panic(err)
	}
}

func securityMain(path string) int {
	var fake fakeSecurity
	if state, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(state, &fake); err != nil {
			panic(err)
		}
	}
	input := must(os.ReadFile("/dev/stdin"))
	if home := os.Getenv(writerVariable); home != "" && os.Args[1] == "-i" {
		must(os.ReadFile(filepath.Join(home, answerFile))) // until the user has answered
	}
	printed, complaints, exit := fake.main(string(input), os.Args[1:])
	if err := os.WriteFile(path, must(json.Marshal(&fake)), 0o600); err != nil {
		panic(err)
	}
	os.Stdout.WriteString(printed)
	os.Stderr.WriteString(complaints)
	return exit
}

func TestAKeychainKeepsTheContract(t *testing.T) {
	storetest.RunStore(t, func(t *testing.T) storetest.StoreSite {
		return &site{t: t, home: machinetest.Dir(t), options: Options{Ring: new(fakeSecurity).ring(), Patience: patience, LimitBytes: keychainLimitBytes}}
	})
}

// bulkyLogin is one that must be sealed.
func bulkyLogin() machine.Credential {
	c := sentinelLogin()
	c.AccessToken = secret.New(strings.Repeat(sentinel, 1000))
	return c
}

func TestNoSecretIsAnArgumentOfSecurity(t *testing.T) {
	home, state := machinetest.Dir(t), filepath.Join(t.TempDir(), "state")
	t.Setenv(securityVariable, state)
	program, err := os.Executable()
	require.NoError(t, err)
	s := openQuiet(home, keychain{security: securityProgram(program)}, keychainLimitBytes)
	_, err = s.Load(background)
	require.ErrorIs(t, err, persist.ErrNotFound)
	for _, login := range []machine.Credential{sentinelLogin(), bulkyLogin()} {
		require.NoError(t, s.Replace(background, login))
		require.NoError(t, reserve(background, s, login))
		require.NoError(t, s.Swap(background, revisionIn(t, s), login))
		record, err := s.Load(background)
		require.NoError(t, err)
		require.True(t, record.Credential.Equal(login))
	}
	require.NoError(t, s.Delete(background))
	var fake fakeSecurity
	require.NoError(t, json.Unmarshal(must(os.ReadFile(state)), &fake))
	require.Empty(t, fake.Items)
	account := s.item().account
	for _, each := range fake.Arguments {
		require.Contains(t, []string{
			"-i",
			"find-generic-password -s Codex Auth -a " + account + " -w",
			"delete-generic-password -s Codex Auth -a " + account,
			"delete-generic-password -s Codex Auth -a " + account + " room",
		}, each)
	}
}

// The figures are in docs/keyrings.md.
func TestEachCallOfAKeychainIsAProcess(t *testing.T) {
	fake := new(fakeSecurity)
	s := fake.open(machinetest.Dir(t))
	require.NoError(t, s.Replace(background, oldLogin))
	base := revisionIn(t, s)
	for _, each := range []struct {
		name      string
		processes int
		call      func() error
	}{
		{"load", 1, func() error { _, err := s.Load(background); return err }},
		{"reserve", 3, func() error { return reserve(background, s, newLogin) }},
		{"swap", 3, func() error { return s.Swap(background, base, newLogin) }},
		{"replace", 3, func() error { return s.Replace(background, oldLogin) }},
		{"delete", 2, func() error { return s.Delete(background) }},
	} {
		fake.Arguments = nil
		require.NoError(t, each.call())
		require.Len(t, fake.Arguments, each.processes, each.name)
	}
}

func TestAnItemTakesWhatFitsIntoOneLine(t *testing.T) {
	ring := new(fakeSecurity).ring()
	account := "cli|0123456789abcdef room" // the longest
	for _, length := range []int{1, keychainLimitBytes} {
		value := strings.Repeat("x", length)
		require.NoError(t, ring.Set(service, account, value))
		require.Equal(t, value, must(ring.Get(service, account)))
	}
	require.ErrorIs(t, ring.Set(service, account, strings.Repeat("x", keychainLimitBytes+10)), keyring.ErrSetDataTooBig)
	require.Greater(t, keychainLimitBytes, 2000)
}

func TestAValueThatIsNotPrintableComesBackWhole(t *testing.T) {
	ring := new(fakeSecurity).ring()
	for _, value := range []string{`{"name":"Zoë"}`, "two\nlines", `{"a":"\"'\\"}`, `"`, "7b22617d", "\xff\x00"} {
		require.NoError(t, ring.Set(service, "account", value))
		require.Equal(t, value, must(ring.Get(service, "account")))
	}
}

func TestTheKeychainSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	for result, problem := range map[int32]*Problem{
		-25308: errKeychainLocked, -25315: errKeychainLocked, -25293: errKeychainRefused, -128: errKeychainRefused,
		-25307: errNoKeychain, -25294: errNoKeychain, -25291: errNoKeychain, -60008: nil, 1: nil,
	} {
		fake := new(fakeSecurity)
		s := fake.open(machinetest.Dir(t))
		require.NoError(t, s.Replace(background, oldLogin))
		fake.fault.result = result
		for name, call := range calls(s) {
			err := call(background)
			requireUnavailable(t, err, "")
			found, ok := errors.AsType[*Problem](err)
			require.Equal(t, problem != nil, ok, "%s: %v", name, err)
			require.Equal(t, problem, found, "%s: %v", name, err)
			require.NotContains(t, err.Error(), "\n")
		}
		fake.fault = fault{}
		require.Equal(t, "old", stored(t, s))
	}
}

// Each promise is broken once. What was not stored is said not to be, and a login is there
// that is whole.
func TestSecurityThatBreaksAPromiseLosesNoLogin(t *testing.T) {
	for name, broken := range map[string]fault{
		"a failure exits with 0":               {result: -25308, exits0: true},
		"a failure is not said":                {result: -25308, isSilent: true},
		"a failure exits with 0 and says so":   {lineBytes: 128, exits0: true},
		"a failure is neither said nor exited": {lineBytes: 128, exits0: true, isSilent: true},
		"a line is cut":                        {lineBytes: 128},
		"a change is not made":                 {isDeaf: true},
		"a value is not printed whole":         {halves: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := new(fakeSecurity)
			s := fake.open(machinetest.Dir(t))
			require.NoError(t, s.Replace(background, sentinelLogin()))
			base := revisionIn(t, s)
			fake.fault = broken
			for _, err := range []error{s.Replace(background, bulkyLogin()), s.Swap(background, base, newLogin)} {
				require.Error(t, err)
				require.NotContains(t, err.Error(), sentinel)
				require.NotContains(t, err.Error(), hex.EncodeToString([]byte(sentinel)))
			}
			if broken.halves {
				return // it has what was written, and cannot say so
			}
			fake.fault = fault{}
			record, err := s.Load(background)
			require.NoError(t, err)
			require.True(t, record.Credential.Equal(sentinelLogin()))
		})
	}
}

func TestAKeychainThatAsksItsUserIsGivenUpAndNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := new(fakeSecurity)
		s := openImpatient(machinetest.Dir(t), fake.ring(), keychainLimitBytes)
		require.NoError(t, s.Replace(background, oldLogin))
		answer := make(chan struct{})
		fake.fault.hang = answer
		_, err := s.Load(background)
		requireUnavailable(t, err, errHung.Remedy)
		close(answer) // Always Allow
		synctest.Wait()
		require.Equal(t, "old", stored(t, s))
	})
}

// A writer is killed while its security waits for the user: what that may still do comes before
// what any other bezoar writes.
func TestAChangeThatOutlivesItsWriterKeepsTheTurn(t *testing.T) {
	home, state := machinetest.Dir(t), filepath.Join(t.TempDir(), "state")
	program := must(os.Executable())
	require.NoError(t, unix.Mkfifo(filepath.Join(home, answerFile), 0o600))
	writer := exec.Command(program, writerArgument)
	writer.Env = append(os.Environ(), writerVariable+"="+home, securityVariable+"="+state)
	require.NoError(t, writer.Start())
	lock := system.Here.NewLock(filepath.Join(home, commitFile))
	answer := must(os.OpenFile(filepath.Join(home, answerFile), os.O_WRONLY, 0)) // once it asks
	require.NoError(t, writer.Process.Kill())
	_ = writer.Wait()

	locked, err := lock.TryLock()
	require.NoError(t, err)
	require.False(t, locked, "security has the turn of the writer that is gone")
	t.Setenv(securityVariable, state)
	s := Open(home, Options{Ring: keychain{security: securityProgram(program)}, LimitBytes: keychainLimitBytes, Patience: 2 * time.Second}) // a quarter of it is for a busy machine
	requireUnavailable(t, s.Replace(background, newLogin), "whose keyring may be asking you something")

	require.NoError(t, answer.Close()) // Always Allow
	s = openQuiet(home, keychain{security: securityProgram(program)}, keychainLimitBytes)
	require.NoError(t, s.Replace(background, newLogin))
	require.Equal(t, "new", stored(t, s))
}

func TestSecurityThatIsMissingOrKilledIsUnavailable(t *testing.T) {
	killed := filepath.Join(t.TempDir(), "security")
	require.NoError(t, os.WriteFile(killed, []byte("#!/bin/sh\necho S3NT1NEL\nkill -9 $$\n"), 0o700))
	for program, says := range map[string]string{killed: "killed", "/nonexistent/security": "no such file"} {
		s := Open(machinetest.Dir(t), Options{Ring: keychain{security: securityProgram(program)}, Patience: patience, Log: slog.New(slog.DiscardHandler)})
		for _, call := range calls(s) {
			err := call(background)
			requireUnavailable(t, err, says)
			require.NotContains(t, err.Error(), sentinel)
			require.Equal(t, program != killed, errors.Is(err, fs.ErrNotExist))
		}
	}
}
