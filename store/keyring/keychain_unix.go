//go:build unix

package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/zalando/go-keyring"
)

// keychain is the Keychain of macOS, as the program security of every Mac serves it: each
// call is a process. Values are stored as they are, as Codex does.
//
// No secret is an argument, for every user of the machine can list those. A value to store
// goes to security's standard input, as a command of its interactive mode, in hexadecimal
// digits, which need no quotes. The name of the item comes after it: a line that is cut names
// none, and changes none.
//
// What is relied on is in security(1), and where that is silent in Apple's source of the
// program (SecurityTool in apple-oss-distributions/Security: security.c, readline.c,
// keychain_find.c).
//
// macOS asks the user whether security may have an item, and a security that waits for the
// answer goes on when bezoar is killed. Its change may be all that is left of tokens that an
// issuer gives only once: so it is not ended. It has inherited the lock of the writers,
// and no bezoar writes before it has ended.
type keychain struct {
	security program
	turn     *os.File // that a change inherits; nil for none
}

func (k keychain) inheriting(turn *os.File) Ring { return keychain{k.security, turn} }

// keychainLimitBytes is what fits into one line: security reads at most 4095 bytes of it, with
// the line break, and takes the rest for the next command.
const (
	lineBytes          = 4095
	addCommand         = "add-generic-password -U -X %x -s %q -a %q\n" // %q: what it quotes is ASCII
	keychainLimitBytes = (lineBytes - len(addCommand) - len("Codex Auth"+"cli|0123456789abcdef room")) / 2
)

// Get returns the value of the item.
func (k keychain) Get(service, account string) (string, error) {
	printed, err := k.security(nil, "", "find-generic-password", "-s", service, "-a", account, "-w")
	if err != nil {
		return "", err
	}
	return unhexed(strings.TrimSuffix(printed, "\n")), nil
}

// Set stores a value, and replaces what the item had (-U).
func (k keychain) Set(service, account, value string) error {
	command := fmt.Sprintf(addCommand, value, service, account)
	if len(command) > lineBytes {
		return keyring.ErrSetDataTooBig
	}
	_, err := k.security(k.turn, command, "-i")
	return err
}

// Delete removes an item.
func (k keychain) Delete(service, account string) error {
	_, err := k.security(k.turn, "", "delete-generic-password", "-s", service, "-a", account)
	return err
}

// unhexed is the value that security printed: one with a byte that is not printable ASCII
// comes as hexadecimal digits. A login is JSON and never looks like that by itself.
func unhexed(printed string) string {
	value, err := hex.DecodeString(printed)
	isPrintable := func(c rune) bool { return ' ' <= c && c <= '~' }
	if err != nil || strings.TrimFunc(string(value), isPrintable) == "" {
		return printed
	}
	return string(value)
}

// program is a program that is run to its end; turn is a file that it inherits, nil for none.
// The error of one that failed is none with what it printed, which may be a secret.
type program func(turn *os.File, input string, arguments ...string) (printed string, err error)

// securityProgram runs security. It is in a process group of its own, so that Ctrl-C at a terminal
// does not end it in the middle of a write.
func securityProgram(path string) program {
	return func(turn *os.File, input string, arguments ...string) (string, error) {
		var printed, complaints bytes.Buffer
		command := exec.Command(path, arguments...)
		command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &printed, &complaints
		if turn != nil {
			command.ExtraFiles = []*os.File{turn}
		}
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		err := command.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
			return "", err // it could not be started, or was killed
		}
		if err := failureOf(command.ProcessState.ExitCode(), complaints.String()); err != nil {
			return "", err
		}
		return printed.String(), nil
	}
}

// securityError is a result code of the system's security library.
type securityError int32

func (e securityError) Error() string {
	return fmt.Sprintf("security error %d (run security error %d)", int32(e), int32(e))
}

// results are the codes that have a meaning here (SecBase.h, MacErrors.h).
var results = map[securityError]error{
	-25300: keyring.ErrNotFound, // errSecItemNotFound, exit status 44
	-25308: errKeychainLocked,   // errSecInteractionNotAllowed, 36
	-25315: errKeychainLocked,   // errSecInteractionRequired, 29
	-25293: errKeychainRefused,  // errSecAuthFailed, 51
	-128:   errKeychainRefused,  // userCanceledErr, 128
	-25307: errNoKeychain,       // errSecNoDefaultKeychain, 37
	-25294: errNoKeychain,       // errSecNoSuchKeychain, 50
	-25291: errNoKeychain,       // errSecNotAvailable, 53
}

// interactiveResult finds the result that an interactive security prints. No start waits
// for it, nor any system without security.
var interactiveResult = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^\S+: returned (-?\d+)$`) })

// failureOf is the error of a run of security. Its exit status is the last byte of the
// result; an interactive one prints the result, and may exit with 0 all the same.
func failureOf(exit int, complaints string) error {
	if said := interactiveResult().FindStringSubmatch(complaints); said != nil {
		if code, err := strconv.ParseInt(said[1], 10, 32); err == nil && code != 0 {
			return resultError(securityError(code))
		}
	}
	if exit == 0 {
		return nil
	}
	for code := range results {
		if int(uint8(code)) == exit {
			return resultError(code)
		}
	}
	return fmt.Errorf("security ended with exit status %d", exit)
}

// resultError is the error of a code, with what it means if that is known.
func resultError(code securityError) error {
	switch meaning := results[code]; meaning {
	case nil:
		return code
	case keyring.ErrNotFound:
		return meaning
	default:
		return fmt.Errorf("%w (%w)", meaning, code)
	}
}
