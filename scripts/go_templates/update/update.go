// Package update has the shapes that a commit message's template sees below .Changed.
package update

import "sort"

type TypeMeta struct{ APIVersion, Kind string }

type NameMeta struct{ Name, Namespace string }

type ResourceIdentifier struct {
	TypeMeta
	NameMeta
}

type ObjectIdentifier struct{ ResourceIdentifier }

type Change struct{ OldValue, NewValue, Setter string }

type ObjectChanges map[ObjectIdentifier][]Change

type ResultV2 struct{ FileChanges map[string]ObjectChanges }

// Object names an object.
func Object(apiVersion, kind, name, namespace string) ObjectIdentifier {
	return ObjectIdentifier{ResourceIdentifier{TypeMeta{apiVersion, kind}, NameMeta{name, namespace}}}
}

// Objects has the changes of all files by object.
func (r ResultV2) Objects() ObjectChanges {
	all := ObjectChanges{}
	for _, path := range r.paths() {
		for object, changes := range r.FileChanges[path] {
			all[object] = append(all[object], changes...)
		}
	}
	return all
}

// Changes has the different changes, sorted so that answers stay the same.
func (r ResultV2) Changes() []Change {
	seen := map[Change]bool{}
	for _, changes := range r.Objects() {
		for _, change := range changes {
			seen[change] = true
		}
	}
	all := []Change{}
	for change := range seen {
		all = append(all, change)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		return a.Setter+"\x00"+a.OldValue+"\x00"+a.NewValue < b.Setter+"\x00"+b.OldValue+"\x00"+b.NewValue
	})
	return all
}

func (r ResultV2) paths() []string {
	paths := []string{}
	for path := range r.FileChanges {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}
