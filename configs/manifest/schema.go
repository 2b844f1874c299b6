package manifest

import _ "embed"

// Schema is the JSON Schema (draft 2020-12) of loktar.json, for editors. It
// refuses what Parse refuses of the structure, as far as a schema can say it:
// names that are not listed, folders and cycles are beyond it.
//
//go:embed schema.json
var Schema []byte

// SchemaURL is where Schema is found, to be named by $schema. Nothing here
// ever reads it.
const SchemaURL = "https://raw.githubusercontent.com/dudesons/loktar/main/configs/manifest/schema.json"
