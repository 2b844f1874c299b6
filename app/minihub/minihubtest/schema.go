package minihubtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// description is GitHub's REST API, loaded once a process: it takes a while.
type description struct {
	doc    *openapi3.T
	router routers.Router
}

var loadREST = sync.OnceValues(func() (*description, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(sharedDir(), "github", "github-openapi-subset.json"))
	if err != nil {
		return nil, fmt.Errorf("load GitHub's REST description: %w", err)
	}
	doc.Servers = openapi3.Servers{{URL: "/api/v3"}}
	// compare is described twice, and the router takes one form only.
	doc.Paths.Delete("/repos/{owner}/{repo}/compare/{base}...{head}")
	// The account of a listed installation is a user or an enterprise, as in
	// the schema `installation`; here the description asks for both at once.
	if item := doc.Paths.Value("/app/installations"); item != nil && item.Get != nil {
		if list := item.Get.Responses.Status(200).Value.Content.Get("application/json").Schema.Value.Items; list != nil {
			account := list.Value.Properties["account"].Value
			account.AnyOf, account.AllOf = account.AllOf, nil
		}
	}
	if err := addReactions(doc); err != nil {
		return nil, err
	}
	letForksGo(doc)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		return nil, fmt.Errorf("route GitHub's REST description: %w", err)
	}
	return &description{doc, router}, nil
})

var loadWebhooks = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(sharedDir(), "github", "webhooks-openapi-subset.json"))
	if err != nil {
		return nil, fmt.Errorf("load GitHub's webhook description: %w", err)
	}
	letForksGo(doc)
	return doc, nil
})

// CheckPayload holds a webhook's body against GitHub's schema of that event
// and action (empty when the event has none). It needs the Shared folder.
func CheckPayload(event, action string, body []byte) error {
	doc, err := loadWebhooks()
	if err != nil {
		return err
	}
	name := "webhook-" + event
	if action != "" {
		name += "-" + action
	}
	name = strings.ReplaceAll(name, "_", "-")
	ref := doc.Components.Schemas[name]
	if ref == nil {
		return fmt.Errorf("GitHub's description has no %s", name)
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("read payload of %s: %w", name, err)
	}
	if err := ref.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("payload of %s: %w", name, err)
	}
	return nil
}
