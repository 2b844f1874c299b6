package blob

import (
	"mime"
	"net/http"
	"path"
	"strings"
)

// shown are the types that a browser may show: none of them runs.
var shown = map[string]bool{
	"text/plain": true, "application/json": true,
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true,
}

// named are the types of files by the ends of their names. XML is shown as
// the text that it is: as XML it could name scripts. What is not listed,
// HTML and SVG among it, is bytes.
var named = map[string]string{
	".txt": plainText, ".log": plainText, ".out": plainText, ".err": plainText, ".md": plainText, ".xml": plainText,
	".csv": plainText, ".tsv": plainText, ".tap": plainText, ".diff": plainText, ".patch": plainText,
	".yml": plainText, ".yaml": plainText, ".toml": plainText, ".lcov": plainText,
	".json": "application/json", ".sarif": "application/json",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".zip": "application/zip", ".gz": "application/gzip", ".pdf": "application/pdf", ".mp4": "video/mp4", ".webm": "video/webm",
}

const plainText = "text/plain; charset=utf-8"

// describe sets the headers that tell of the object, which is called name
// unless that is empty.
func describe(h http.Header, info Info, name string) {
	tag := string(info.SHA256)
	if tag == "" {
		tag = info.ETag
	}
	if tag != "" && !strings.ContainsAny(tag, "\"\\") && printable(tag) {
		h.Set("ETag", `"`+tag+`"`)
	}
	stored := info.ContentType
	if name != "" {
		stored = named[strings.ToLower(path.Ext(name))]
	} else {
		name = path.Base(info.Key)
	}
	kind, params, err := mime.ParseMediaType(stored)
	contentType := mime.FormatMediaType(kind, params)
	if err != nil || contentType == "" {
		kind, contentType = "", "application/octet-stream"
	}
	h.Set("Content-Type", contentType)
	disposition := "attachment"
	if shown[kind] {
		disposition = "inline"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": path.Base(name)}))
}
