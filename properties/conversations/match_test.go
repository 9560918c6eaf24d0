package conversations

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// matches compares JSON with what is expected of it: see the vocabulary.
func matches(expected, found string) error {
	if expected == found {
		return nil // the most of a storm
	}
	want, err := decodeExactly(expected)
	if err != nil {
		return fmt.Errorf("expected %s: %w", expected, err)
	}
	got, err := decodeExactly(found)
	if err != nil {
		return fmt.Errorf("%s: %w", found, err)
	}
	if at := differ("", want, got); at != "" {
		return fmt.Errorf("expected %s\nfound    %s\nwhich differs%s", expected, found, at)
	}
	return nil
}

// decodeExactly keeps numbers as they were written.
func decodeExactly(text string) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// differ says where two values differ, "" if they do not.
func differ(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		return differInMembers(path, want, got)
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(want) {
			return " at " + path
		}
		for i := range want {
			if at := differ(fmt.Sprintf("%s[%d]", path, i), want[i], items[i]); at != "" {
				return at
			}
		}
		return ""
	case string:
		if beginning, ok := strings.CutSuffix(want, "..."); ok {
			text, isText := got.(string)
			if isText && strings.HasPrefix(text, beginning) || beginning == "" && got != nil {
				return ""
			}
		}
	}
	if want != got {
		return " at " + path
	}
	return ""
}

func differInMembers(path string, want map[string]any, got any) string {
	members, ok := got.(map[string]any)
	if !ok {
		return " at " + path
	}
	_, mayHaveMore := want["..."]
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if _, ok := want[name]; !ok && !mayHaveMore {
			return " at " + path + "." + name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, ok := members[name]
		switch {
		case name == "...":
		case !ok:
			return " at " + path + "." + name
		default:
			if at := differ(path+"."+name, want[name], value); at != "" {
				return at
			}
		}
	}
	return ""
}
