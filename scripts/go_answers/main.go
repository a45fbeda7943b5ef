// Records what Go answers, for tests/gotk/go_answers.json: the real Masterminds/semver, regexp and strconv.
//
// Reads questions (and old answers) as JSON from stdin, writes questions and new answers to stdout:
//
//	go run . <../../tests/gotk/go_answers.json >/tmp/go_answers.json
package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

type rangeCase struct {
	Range  string   `json:"range"`
	Error  string   `json:"error"`
	Inside []string `json:"inside"`
}

type tagCase struct {
	Tag   string `json:"tag"`
	Valid bool   `json:"valid"`
	Text  string `json:"text"`
}

type orderCase struct {
	A      string `json:"a"`
	B      string `json:"b"`
	Answer int    `json:"answer"`
}

type patternCase struct {
	Pattern string `json:"pattern"`
	Error   string `json:"error"`
}

type expandCase struct {
	Pattern  string  `json:"pattern"`
	Template string  `json:"template"`
	Text     string  `json:"text"`
	Answer   *string `json:"answer"`
}

type floatCase struct {
	Text   string `json:"text"`
	Answer string `json:"answer"`
}

type file struct {
	Versions []string      `json:"versions"`
	Ranges   []rangeCase   `json:"ranges"`
	Tags     []tagCase     `json:"tags"`
	Orders   []orderCase   `json:"orders"`
	Patterns []patternCase `json:"patterns"`
	Expands  []expandCase  `json:"expands"`
	Floats   []floatCase   `json:"floats"`
}

func parseTag(tag string) (*semver.Version, error) {
	if len(strings.SplitN(tag, ".", 3)) != 3 {
		return nil, semver.ErrInvalidSemVer
	}
	return semver.NewVersion(tag)
}

func main() {
	var f file
	check(json.NewDecoder(os.Stdin).Decode(&f))
	for i := range f.Ranges {
		c := &f.Ranges[i]
		c.Inside, c.Error = []string{}, ""
		constraint, err := semver.NewConstraint(c.Range)
		if err != nil {
			c.Error = err.Error()
			continue
		}
		for _, text := range f.Versions {
			if constraint.Check(semver.MustParse(text)) {
				c.Inside = append(c.Inside, text)
			}
		}
	}
	for i := range f.Tags {
		c := &f.Tags[i]
		v, err := parseTag(c.Tag)
		if c.Valid = err == nil; c.Valid {
			c.Text = v.String()
		}
	}
	for i := range f.Orders {
		c := &f.Orders[i]
		c.Answer = semver.MustParse(c.A).Compare(semver.MustParse(c.B))
	}
	for i := range f.Patterns {
		c := &f.Patterns[i]
		c.Error = ""
		if _, err := regexp.Compile(c.Pattern); err != nil {
			c.Error = err.Error()
		}
	}
	for i := range f.Expands {
		c := &f.Expands[i]
		re := regexp.MustCompile(c.Pattern)
		c.Answer = nil
		if at := re.FindStringSubmatchIndex(c.Text); at != nil {
			text := string(re.ExpandString(nil, c.Template, c.Text, at))
			c.Answer = &text
		}
	}
	for i := range f.Floats {
		c := &f.Floats[i]
		c.Answer = ""
		if v, err := strconv.ParseFloat(c.Text, 64); err == nil {
			c.Answer = strconv.FormatFloat(v, 'x', -1, 64)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", " ")
	check(out.Encode(f))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
