package schema

import (
	"bytes"
	"encoding/json"
)

// Bundle is the file of [JSON] that has all types in one.
const Bundle = "app_server_protocol.schemas.json"

const draft07 = "http://json-schema.org/draft-07/schema#"

// JSON writes the protocol as JSON Schema, draft-07: a file for each type, and
// [Bundle]. Each file stands alone. The result is content by file name; it is
// the same every time.
func JSON() map[string][]byte {
	all := definitions()
	files := map[string][]byte{}
	for name, n := range all {
		file := *n
		file.Definitions = map[string]*node{}
		for each := range references(n, all) {
			file.Definitions[each] = all[each]
		}
		files[name+".json"] = file.encode()
	}
	bundle := node{
		Title:       "AppServerProtocol",
		Description: "All types of the app-server protocol's account surface.",
		Definitions: all,
	}
	files[Bundle] = bundle.encode()
	return files
}

// encode is the content of a file.
func (n *node) encode() []byte {
	n.Schema = draft07
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(n); err != nil {
		panic(err) // a node is plain data
	}
	return out.Bytes()
}
