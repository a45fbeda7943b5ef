// Writes what the CDEvents SDK of notification-controller takes, for image_automation/notification/receivers/:
//
//	go run . shapes >../../image_automation/notification/receivers/cdevents.json
//	go run . verdicts >../../tests/image_automation/notification/receivers/cdevents.json
//
// Shapes: by type its version and, for each field of the subject's content, what it must be. They are what the Go
// structs (which forget unknown fields and fill missing ones) and the JSON schemas of 0.4.1 say together.
// Verdicts: by type an event, and for each place in it one letter for each damage: y where the SDK takes it, n where not.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	"github.com/cdevents/sdk-go/pkg/api"
	"github.com/cdevents/sdk-go/pkg/api/v04"
)

type object = map[string]any

const purl = "pkg:oci/web@sha256%3Aab"

func main() {
	types := v04.CDEventsByUnversionedTypes
	answers := object{}
	for name, event := range types {
		shape := shapeOf(event)
		if os.Args[1] == "shapes" {
			answers[strings.TrimPrefix(name, "dev.cdevents.")] = shape
		} else {
			answers[name] = verdicts(event, shape)
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if os.Args[1] == "shapes" {
		names := make([]string, 0, len(answers))
		for name := range answers {
			names = append(names, name)
		}
		sort.Strings(names)
		for i, name := range names {
			line, err := json.Marshal(object{name: answers[name]})
			check(err)
			fmt.Print(map[bool]string{true: "{", false: ",\n "}[i == 0], strings.Trim(string(line), "{}"), "}")
		}
		fmt.Println("}")
		return
	}
	check(out.Encode(object{"damages": damages, "types": answers}))
}

func schemaOf(event api.CDEventV04) object {
	id := fmt.Sprintf("https://cdevents.dev/0.4.1/schema/%s-%s-event", event.GetType().Subject, event.GetType().Predicate)
	if event.GetType().Short() == "" {
		id = "https://cdevents.dev/0.4.1/schema/custom"
	}
	var schema object
	check(json.Unmarshal([]byte(api.SchemasById[id]), &schema))
	return schema
}

func shapeOf(event api.CDEventV04) object {
	subject := at(schemaOf(event), "properties", "subject")
	field, _ := reflect.TypeOf(event).Elem().FieldByName("Subject")
	content, _ := field.Type.FieldByName("Content")
	shape := object{
		"version": event.GetType().Version,
		"content": shapeOfField(content, at(subject, "properties", "content"), true),
	}
	if names, ok := at(subject, "properties", "type")["enum"].([]any); ok {
		shape["subject"] = names[0]
	}
	return shape
}

// shapeOfField joins a Go field and its schema: kind, omitted (when empty), and what the schema asks of it.
func shapeOfField(field reflect.StructField, schema object, required bool) object {
	tag := field.Tag.Get("json")
	shape := object{}
	if required {
		shape["required"] = true
	}
	if strings.Contains(tag, ",omitempty") {
		shape["omitted"] = true
	}
	if validate := field.Tag.Get("validate"); validate != "" {
		shape["valid"] = validate
	}
	kind := field.Type
	if kind.Kind() == reflect.Pointer {
		shape["pointer"] = true
		kind = kind.Elem()
	}
	switch kind.Kind() {
	case reflect.Struct:
		shape["kind"] = "object"
		shape["fields"] = shapeOfStruct(kind, schema)
	case reflect.String:
		shape["kind"] = "string"
		if schema["minLength"] != nil {
			shape["filled"] = true
		}
		if schema["enum"] != nil {
			shape["enum"] = schema["enum"]
		}
		if options, ok := schema["anyOf"].([]any); ok && options[1].(object)["minLength"] != nil {
			shape["filled"] = true
		}
	case reflect.Slice:
		shape["kind"] = "strings"
	default:
		shape["kind"] = "any"
		if schema["type"] != nil {
			shape["type"] = schema["type"]
		}
	}
	return shape
}

func shapeOfStruct(kind reflect.Type, schema object) object {
	required := map[string]bool{}
	for _, name := range list(schema["required"]) {
		required[name.(string)] = true
	}
	fields := object{}
	for i := range kind.NumField() {
		field := kind.Field(i)
		if field.Anonymous {
			for name, shape := range shapeOfStruct(field.Type, schema) {
				fields[name] = shape
			}
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fields[name] = shapeOfField(field, at(schema, "properties", name), required[name])
	}
	return fields
}

// example fills every field of a shape.
func example(shape object) any {
	switch shape["kind"] {
	case "object":
		made := object{}
		for name, field := range shape["fields"].(object) {
			made[name] = example(field.(object))
		}
		return made
	case "strings":
		return []any{"x", "y"}
	case "any":
		return object{"more": true}
	}
	if shape["valid"] == "purl" {
		return purl
	}
	if names := list(shape["enum"]); len(names) > 0 {
		return names[0]
	}
	return "https://example.com/x"
}

func eventOf(event api.CDEventV04, shape object) object {
	type_ := "dev.cdevents." + event.GetType().Subject + "." + event.GetType().Predicate + "." + event.GetType().Version
	subject, ok := shape["subject"]
	if !ok {
		type_, subject = "dev.cdeventsx.tool-thing.done.0.1.0", "tool-thing"
	}
	return object{
		"context": object{"version": "0.4.1", "id": "id-1", "source": "/source", "type": type_,
			"timestamp": "2026-01-02T03:04:05Z", "chainId": "chain", "links": []any{
				object{"linkType": "PATH", "from": object{"contextId": "a"}, "tags": object{"a": "b"}},
				object{"linkType": "END", "from": object{"contextId": "a"}, "tags": object{}},
				object{"linkType": "RELATION", "linkKind": "TRIGGER", "target": object{"contextId": "a"}, "tags": object{}}}},
		"subject":    object{"id": "subject-1", "source": "/source", "type": subject, "content": example(shape["content"].(object))},
		"customData": object{"a": 1}, "customDataContentType": "application/json",
	}
}

// damages, in the order of the letters; "delete" takes the place away.
var damages = []any{nil, "delete", 1, "", "junk", object{}, []any{}, true, "a b%zz", "2026-13-01T00:00:00Z",
	"2026-01-02T03:04:05.123456789+02:00", "2026-01-02 03:04:05Z", "pkg:golang/example.com/app@v1", "pkg:/x", "pkg:oci/", "PKG:oci/x",
	"pkg:oci", ":x", "1a:b", "a:b", "\n", "dev.cdevents.build.queued.0.2.1", "dev.cdevents.build.queued.1.0.0",
	"dev.cdeventsx.tool-thing.done.0.2.0", "dev.cdeventsx.Tool-thing.done.0.2.0", "dev.cdeventsx.tool-thing.done.10.2.0"}

func verdicts(event api.CDEventV04, shape object) object {
	whole := eventOf(event, shape)
	found := object{"event": whole, "whole": string(verdict(whole)), "minimal": string(verdict(object{
		"context": object{"version": "0.4.1", "id": "1", "source": "s", "type": whole["context"].(object)["type"]},
		"subject": object{"id": "1", "type": whole["subject"].(object)["type"], "content": object{}}}))}
	letters := object{}
	for _, path := range paths(whole, nil) {
		word := ""
		for i := range damages {
			word += string(verdict(damaged(whole, path, i)))
		}
		letters[strings.Join(path, "/")] = word
	}
	found["damaged"] = letters
	return found
}

func paths(value any, path []string) [][]string {
	var found [][]string
	if len(path) > 0 {
		found = append(found, append([]string{}, path...))
	}
	switch value := value.(type) {
	case object:
		for name, each := range value {
			found = append(found, paths(each, append(path, name))...)
		}
	case []any:
		for i, each := range value {
			found = append(found, paths(each, append(path, fmt.Sprint(i)))...)
		}
	}
	return found
}

func damaged(whole object, path []string, damage int) object {
	var copied any
	text, err := json.Marshal(whole)
	check(err)
	check(json.Unmarshal(text, &copied))
	return put(copied, path, damage).(object)
}

func put(value any, path []string, damage int) any {
	if len(path) == 0 {
		return damages[damage]
	}
	switch value := value.(type) {
	case object:
		if len(path) == 1 && damages[damage] == "delete" {
			delete(value, path[0])
			return value
		}
		value[path[0]] = put(value[path[0]], path[1:], damage)
	case []any:
		index := int(path[0][0] - '0')
		if len(path) == 1 && damages[damage] == "delete" {
			return append(value[:index:index], value[index+1:]...)
		}
		value[index] = put(value[index], path[1:], damage)
	}
	return value
}

// verdict asks the SDK about an event, of which nothing is left behind in the SDK's own objects; p where it panics.
func verdict(event object) (letter byte) {
	defer func() {
		if recover() != nil {
			letter = 'p'
		}
	}()
	text, err := json.Marshal(event)
	check(err)
	fresh := map[string]api.CDEventV04{}
	for name, known := range v04.CDEventsByUnversionedTypes {
		fresh[name] = reflect.New(reflect.TypeOf(known).Elem()).Interface().(api.CDEventV04)
	}
	read, err := api.NewFromJsonBytesContext[api.CDEventV04](text, fresh)
	if err == nil {
		err = api.Validate(read)
	}
	if err != nil {
		return 'n'
	}
	return 'y'
}

func at(value object, path ...string) object {
	for _, name := range path {
		next, _ := value[name].(object)
		value = next
	}
	return value
}

func list(value any) []any {
	found, _ := value.([]any)
	return found
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
