package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A script's backends and codexes are files that start this program with a word that says
// what it does, for no system has a shell that the others have. ACTS is its path.

func init() { programs["acts"] = func() { acts[os.Args[1]](os.Args[2:]) } }

var acts = map[string]func(words []string){
	"refuse": func([]string) {
		fmt.Fprintln(os.Stderr, "error: unexpected argument")
		os.Exit(9)
	},
	"list":     listWords,
	"say":      sayWords,
	"converse": converse,
}

// listWords writes its words and its home to the file "words", line by line.
func listWords(words []string) {
	var lines strings.Builder
	for _, each := range words {
		fmt.Fprintf(&lines, "<%s>\n", each)
	}
	fmt.Fprintln(&lines, os.Getenv("CODEX_HOME"))
	exitOn(os.WriteFile("words", []byte(lines.String()), 0o600))
	os.Exit(3)
}

// sayWords writes its words to standard output and to the file "words", in one line.
func sayWords(words []string) {
	line := "\n"
	if len(words) > 0 {
		line = "<" + strings.Join(words, "><") + ">\n"
	}
	fmt.Print(line)
	exitOn(os.WriteFile("words", []byte(line), 0o600))
	os.Exit(5)
}

// converse is a codex that answers each request, after SLOW seconds.
func converse([]string) {
	seconds, _ := strconv.Atoi(os.Getenv("SLOW"))
	time.Sleep(time.Duration(seconds) * time.Second)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var request struct {
			ID     json.RawMessage
			Method string
		}
		exitOn(json.Unmarshal(lines.Bytes(), &request))
		if request.ID == nil {
			continue
		}
		result := `{"by":"the backend"}`
		switch request.Method {
		case "initialize":
			result = `{"userAgent":"editor/9.8.7 (Debian 12.0.0; x86_64) xterm (editor; 1)"}`
		case "account/read":
			result = `{"account":null,"requiresOpenaiAuth":true}`
		}
		fmt.Printf(`{"id":%s,"result":%s}`+"\n", request.ID, result)
	}
}
