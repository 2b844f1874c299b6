package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// indexed is a file of a project in a simple index.
type indexed struct {
	name   string
	url    string
	sha256 string // empty when the index does not tell it
}

const (
	maxIndex   = 32 << 20
	simpleJSON = "application/vnd.pypi.simple.v1+json"
)

// files lists the files of a project; none when the index does not know it.
func (x *pythonIndex) files(ctx context.Context, project string) ([]indexed, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	doing := "list files of " + project
	resp, err := x.get(ctx, x.simple.JoinPath(project+"/").String(), simpleJSON+", application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.2")
	if err != nil {
		return nil, x.unreached(ctx, err, doing)
	}
	defer drain(resp)
	if resp.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, x.answered(resp.StatusCode, resp.Header, doing, "")
	}
	data, more, err := readSome(resp.Body, maxIndex)
	if err != nil {
		return nil, x.unreached(ctx, err, doing)
	}
	if more {
		return nil, refusedf("%s lists more files of %s than can be read.", x.host, project)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	files, err := parseIndex(kind, data, resp.Request.URL)
	if err != nil {
		return nil, x.answered(http.StatusBadGateway, nil, doing, err.Error())
	}
	return files, nil
}

func (x *pythonIndex) get(ctx context.Context, target, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "loktar")
	if req.URL.Host == x.simple.Host && req.URL.Scheme == x.simple.Scheme {
		x.authorize(req)
	}
	return x.client.Do(req)
}

// sumOf reads a file of the index for its SHA-256.
func (x *pythonIndex) sumOf(ctx context.Context, target string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	const doing = "read a published file"
	resp, err := x.get(ctx, target, "*/*")
	if err != nil {
		return "", x.unreached(ctx, err, doing)
	}
	defer drain(resp)
	if resp.StatusCode != http.StatusOK {
		return "", x.answered(resp.StatusCode, resp.Header, doing, "")
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(resp.Body, maxWheel+1)); err != nil {
		return "", x.unreached(ctx, err, doing)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// parseIndex reads a project's page of the simple repository API, in JSON
// (PEP 691) or HTML (PEP 503). at is where it was found.
func parseIndex(kind string, data []byte, at *url.URL) ([]indexed, error) {
	if kind == simpleJSON || kind == "application/json" {
		var page struct {
			Files []struct {
				Filename string            `json:"filename"`
				URL      string            `json:"url"`
				Hashes   map[string]string `json:"hashes"`
			} `json:"files"`
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		var files []indexed
		for _, f := range page.Files {
			files = add(files, f.Filename, f.URL, f.Hashes["sha256"], at)
		}
		return files, nil
	}
	return parseAnchors(data, at)
}

func parseAnchors(data []byte, at *url.URL) ([]indexed, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var files []indexed
	href, text, within := "", "", false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read index: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if !strings.EqualFold(token.Name.Local, "a") {
				continue
			}
			href, text, within = "", "", true
			for _, a := range token.Attr {
				if strings.EqualFold(a.Name.Local, "href") {
					href = a.Value
				}
			}
		case xml.CharData:
			if within {
				text += string(token)
			}
		case xml.EndElement:
			if within && strings.EqualFold(token.Name.Local, "a") {
				within = false
				address, fragment, _ := strings.Cut(href, "#")
				sum, _ := strings.CutPrefix(fragment, "sha256=")
				files = add(files, strings.TrimSpace(text), address, sum, at)
			}
		}
	}
}

// add keeps what can be a file of the index.
func add(files []indexed, name, href, sum string, at *url.URL) []indexed {
	target, err := at.Parse(href)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || name == "" {
		return files
	}
	if sum = strings.ToLower(sum); !isHex(sum, 64) {
		sum = ""
	}
	return append(files, indexed{name: name, url: target.String(), sha256: sum})
}
