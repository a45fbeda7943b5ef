// Records what Go's text/template with Sprig's hermetic functions writes, for tests/gotk/gotemplate/go_templates.json.
//
// Reads templates (and old answers) as JSON from stdin, writes them with new answers to stdout:
//
//	go run . <../../tests/gotk/gotemplate/go_templates.json >/tmp/go_templates.json
package main

import (
	"encoding/json"
	"os"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"go_templates/source"
	"go_templates/types"
	"go_templates/update"
)

type question struct {
	Group  string `json:"group"`
	Source string `json:"source"`
	Text   string `json:"text"`
	Error  string `json:"error"`
}

func data() source.TemplateData {
	web := update.Object("apps/v1", "Deployment", "web", "shop")
	api := update.Object("apps/v1", "Deployment", "api", "shop")
	job := update.Object("batch/v1", "CronJob", "job", "shop")
	plain := update.Object("", "", "", "")
	tag := update.Change{OldValue: "1.4.2", NewValue: "1.4.4", Setter: "shop:web:tag"}
	image := update.Change{OldValue: "r.io/web:1.4.2", NewValue: "r.io/web:1.4.4", Setter: "shop:web"}
	other := update.Change{OldValue: "r.io/api:v9", NewValue: "r.io/api:v10", Setter: "shop:api"}
	return source.TemplateData{
		AutomationObject: types.NamespacedName{Namespace: "apps", Name: "auto"},
		Changed: update.ResultV2{FileChanges: map[string]update.ObjectChanges{
			"web.yaml":           {web: {image}, job: {image, other}, api: {other}},
			"kustomization.yaml": {plain: {tag}},
			"a/values.yaml":      {plain: {tag, other}},
		}},
		Values: map[string]string{"cluster": "prod", "empty": "", "html": `<a href="x">'&'</a>`, "team": "blue whale"},
	}
}

func render(text string) (string, error) {
	parsed, err := template.New("commit message").Funcs(sprig.HermeticTxtFuncMap()).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := parsed.Execute(&out, data()); err != nil {
		return "", err
	}
	return out.String(), nil
}

func main() {
	var questions []question
	check(json.NewDecoder(os.Stdin).Decode(&questions))
	for i := range questions {
		q := &questions[i]
		text, err := render(q.Source)
		q.Text, q.Error = text, ""
		if err != nil {
			q.Error = err.Error()
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	check(encoder.Encode(questions))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
