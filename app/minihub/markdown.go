package minihub

import (
	"bytes"
	"html/template"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// gfm renders what GitHub's Markdown has and check runs use. It drops raw
// HTML and addresses that run scripts.
var gfm = sync.OnceValue(func() goldmark.Markdown { return goldmark.New(goldmark.WithExtensions(extension.GFM)) })

// markdown renders hostile Markdown to HTML that is safe to show.
func markdown(src string) template.HTML {
	var b bytes.Buffer
	if err := gfm().Convert([]byte(src), &b); err != nil {
		return template.HTML("<pre>" + template.HTMLEscapeString(src) + "</pre>")
	}
	return template.HTML(b.String())
}
