package minihubtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const reactionsPath = "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"

// reactions describes the two calls of a comment's reactions, which the
// subset of GitHub's description leaves out. After
// https://docs.github.com/rest/reactions/reactions.
const reactions = `{
  "parameters": [
    {"name": "owner", "in": "path", "required": true, "schema": {"type": "string"}},
    {"name": "repo", "in": "path", "required": true, "schema": {"type": "string"}},
    {"name": "comment_id", "in": "path", "required": true, "schema": {"type": "integer", "format": "int64"}}
  ],
  "get": {
    "operationId": "reactions/list-for-issue-comment",
    "parameters": [
      {"name": "content", "in": "query", "schema": {"type": "string", "enum": ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]}},
      {"name": "per_page", "in": "query", "schema": {"type": "integer"}},
      {"name": "page", "in": "query", "schema": {"type": "integer"}}
    ],
    "responses": {"200": {"description": "Response", "content": {"application/json": {"schema": {"type": "array", "items": REACTION}}}}}
  },
  "post": {
    "operationId": "reactions/create-for-issue-comment",
    "requestBody": {"required": true, "content": {"application/json": {"schema": {
      "type": "object", "required": ["content"],
      "properties": {"content": {"type": "string", "enum": ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]}}}}}},
    "responses": {
      "200": {"description": "Reaction exists", "content": {"application/json": {"schema": REACTION}}},
      "201": {"description": "Reaction created", "content": {"application/json": {"schema": REACTION}}}
    }
  }
}`

const reactionSchema = `{
  "type": "object", "required": ["id", "node_id", "user", "content", "created_at"],
  "properties": {
    "id": {"type": "integer"}, "node_id": {"type": "string"},
    "user": {"$ref": "#/components/schemas/simple-user"},
    "content": {"type": "string", "enum": ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]},
    "created_at": {"type": "string", "format": "date-time"}
  }
}`

// addReactions adds them where the description does not have them.
func addReactions(doc *openapi3.T) error {
	if doc.Paths.Value(reactionsPath) != nil {
		return nil
	}
	var item openapi3.PathItem
	if err := json.Unmarshal([]byte(strings.ReplaceAll(reactions, "REACTION", reactionSchema)), &item); err != nil {
		return fmt.Errorf("read the description of reactions: %w", err)
	}
	doc.Paths.Set(reactionsPath, &item)
	if err := openapi3.NewLoader().ResolveRefsIn(doc, nil); err != nil {
		return fmt.Errorf("read the description of reactions: %w", err)
	}
	return nil
}
