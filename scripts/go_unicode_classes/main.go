// Writes what Go's regexp takes for a Unicode class (`\p{...}`): every name, and what it matches.
//
//	go run . classes >../../gotk/go_unicode_classes.json
//	go run . answers >../../tests/gotk/go_unicode_answers.json
//
// `classes` holds the table that a name means, and the code points of the tables that RE2 does not know or knows
// otherwise. `answers` holds, for every spelling, the ASCII characters that it matches, by the compiled pattern.
package main

import (
	"encoding/json"
	"os"
	"regexp"
	"sort"
	"strings"
	"unicode"
)

// Tables that RE2 lacks, or that lack in RE2 what Go 1.25 added to them.
var spelledOut = []string{"C", "Cn", "LC"}

type classes struct {
	Names  map[string]string    `json:"names"`
	Ranges map[string][][2]rune `json:"ranges"`
}

func ranges(tables ...*unicode.RangeTable) [][2]rune {
	found := [][2]rune{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, tables...) {
			continue
		}
		if last := len(found) - 1; last >= 0 && found[last][1] == r-1 {
			found[last][1] = r
		} else {
			found = append(found, [2]rune{r, r})
		}
	}
	return found
}

func canonical(name string) string {
	name = strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
	return strings.ToUpper(name[:1]) + name[1:]
}

func spellings() []string {
	names := []string{"Any", "ASCII", "Assigned"}
	for name := range unicode.Categories {
		names = append(names, name)
	}
	for name := range unicode.Scripts {
		names = append(names, name)
	}
	for name := range unicode.CategoryAliases {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func main() {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if os.Args[1] == "classes" {
		made := classes{map[string]string{"Any": "Any", "Ascii": "ASCII", "Assigned": "Assigned"}, map[string][][2]rune{}}
		for alias, name := range unicode.CategoryAliases {
			made.Names[canonical(alias)] = name
		}
		for name := range unicode.Scripts {
			// Go looks up its canonical spelling, so it does not find scripts of several words.
			if canonical(name) == name {
				made.Names[name] = name
			}
		}
		for name := range unicode.Categories {
			made.Names[canonical(name)] = name
		}
		for _, name := range spelledOut {
			made.Ranges[name] = ranges(unicode.Categories[name])
		}
		for _, name := range os.Args[2:] {
			made.Ranges[name] = ranges(unicode.Scripts[name])
		}
		made.Ranges["ASCII"] = [][2]rune{{0, 0x7f}}
		made.Ranges["Assigned"] = complement(made.Ranges["Cn"])
		encoder.Encode(made)
		return
	}
	answers := map[string]*string{}
	for _, name := range spellings() {
		lower, upper := strings.ToLower(name), strings.ToUpper(name)
		for _, spelling := range []string{name, "^" + name, lower, upper, strings.ReplaceAll(name, "_", "-"), " " + lower + "_"} {
			for _, pattern := range []string{`\p{` + spelling + `}`, `\P{` + spelling + `}`, `[\p{` + spelling + `}]`, `[^\p{` + spelling + `}]`, `[\P{` + spelling + `}x]`, `(?i)\p{` + spelling + `}`} {
				answers[pattern] = ask(pattern)
			}
		}
	}
	for _, pattern := range []string{`\p{}`, `\p{^}`, `\p^`, `\pl`, `\pL`, `\PL`, `\pN`, `\pn`, `\p{Foo}`, `\p{Lx}`, `\p{L`, `\p`, `\Q\p{Letter}\E`, `\\p{Letter}`, `[\\p{L]`, `[]\p{Letter}]`, `[^]\p{ascii}]`, `[[:alpha:]\p{Assigned}]`, `[[:^alpha:]]`, `[[:^digit:]\p{cn}]`, `[[:word:]]`, `[[:ASCII:]]`, `\p{Letter}\p{Foo}`, `(\p{Letter}`, `[\p{Letter}`, `\p{Letter}**`, `x{2}\p{greek}`, `\p{Greek}{2`} {
		answers[pattern] = ask(pattern)
	}
	encoder.Encode(answers)
}

func complement(of [][2]rune) [][2]rune {
	found, next := [][2]rune{}, rune(0)
	for _, each := range of {
		if each[0] > next {
			found = append(found, [2]rune{next, each[0] - 1})
		}
		next = each[1] + 1
	}
	if next <= unicode.MaxRune {
		found = append(found, [2]rune{next, unicode.MaxRune})
	}
	return found
}

// ask returns the printable ASCII characters that a pattern is found in, each alone, or the error behind "!".
func ask(pattern string) *string {
	compiled, err := regexp.Compile(pattern)
	answer := ""
	if err != nil {
		answer = "!" + err.Error()
		return &answer
	}
	for r := rune(0x20); r < 0x7f; r++ {
		if compiled.MatchString(string(r)) {
			answer += string(r)
		}
	}
	return &answer
}
