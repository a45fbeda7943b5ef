// Package source has what a commit message's template is given.
package source

import (
	"go_templates/types"
	"go_templates/update"
)

type TemplateData struct {
	AutomationObject types.NamespacedName
	Changed          update.ResultV2
	Values           map[string]string
}
