package publish

import (
	"context"
	"crypto/md5" //nolint:gosec // the API wants it beside SHA-256
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// send uploads one file. That the index has it already is no error here: what
// it has is compared after.
func (x *pythonIndex) send(ctx context.Context, d *distribution) error {
	ctx, cancel := context.WithTimeout(ctx, uploadTime)
	defer cancel()
	doing := "upload " + d.name
	sums, err := digests(d.file)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	form := multipart.NewWriter(pw)
	written := make(chan error, 1)
	defer pr.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.upload.String(), pr)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, x.cred.hideError(err))
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("User-Agent", "loktar")
	x.authorize(req)
	go func() {
		err := writeForm(form, d, sums)
		written <- err
		pw.CloseWithError(err)
	}()
	resp, err := x.client.Do(req)
	pr.Close()
	if failed := <-written; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
		if err == nil {
			drain(resp)
		}
		return failed
	}
	if err != nil {
		return x.unreached(ctx, err, doing)
	}
	defer drain(resp)
	words, _, _ := readSome(resp.Body, 4096)
	text := resp.Status + " " + string(words)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300, resp.StatusCode == http.StatusConflict:
		return nil
	case resp.StatusCode == http.StatusBadRequest && alreadyThere(text):
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400, resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusMethodNotAllowed:
		return checks.Errorf(checks.KindConfig, fmt.Errorf("%s: HTTP status %d", doing, resp.StatusCode),
			"%s takes no uploads at %s. Correct the registry's `url` in the server's configuration.", x.host, x.upload.Path)
	}
	if words := strings.TrimSpace(string(words)); strings.HasPrefix(words, "<") || words == "" {
		return x.answered(resp.StatusCode, resp.Header, doing, strings.TrimLeft(resp.Status, "0123456789 "))
	}
	return x.answered(resp.StatusCode, resp.Header, doing, string(words))
}

// alreadyThere knows the words in which indexes say so under status 400.
func alreadyThere(text string) bool {
	text = strings.ToLower(text)
	for _, words := range []string{"already exist", "already been taken", "updating asset", "cannot be updated", "been used for a deleted file"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

func (x *pythonIndex) authorize(req *http.Request) {
	if !x.cred.empty() {
		req.SetBasicAuth(x.cred.Username, x.cred.Password)
	}
}

// digests of a file, in the form's fields.
func digests(f File) (map[string]string, error) {
	body, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open file %q of the release: %w", f.Name, err)
	}
	defer body.Close()
	sha, md, blake := sha256.New(), md5.New(), newBlake2b() //nolint:gosec // see the import
	size, err := io.Copy(io.MultiWriter(sha, md, blake), body)
	if err != nil {
		return nil, fmt.Errorf("read file %q of the release: %w", f.Name, err)
	}
	sum := hex.EncodeToString(sha.Sum(nil))
	if sum != f.SHA256 || size != f.Size {
		return nil, fmt.Errorf("read file %q of the release: it changed after it was made", f.Name)
	}
	return map[string]string{
		"sha256_digest": sum, "md5_digest": hex.EncodeToString(md.Sum(nil)), "blake2_256_digest": hex.EncodeToString(blake.sum()),
	}, nil
}

// formNames are the form's names of core metadata where they are not the
// names themselves in lower case with underscores.
var formNames = map[string]string{"classifier": "classifiers", "project-url": "project_urls"}

// writeForm writes the fields of docs.pypi.org/api/upload, and the file.
func writeForm(form *multipart.Writer, d *distribution, sums map[string]string) error {
	fields := []field{{":action", "file_upload"}, {"protocol_version", "1"}, {"filetype", d.fileType}, {"pyversion", d.python}}
	for name, sum := range sums {
		fields = append(fields, field{name, sum})
	}
	description := d.metadata.body
	for _, f := range d.metadata.fields {
		name := strings.ToLower(f.name)
		if name == "description" {
			description = f.value
			continue
		}
		if own, ok := formNames[name]; ok {
			name = own
		}
		fields = append(fields, field{strings.ReplaceAll(name, "-", "_"), f.value})
	}
	if description != "" {
		fields = append(fields, field{"description", description})
	}
	for _, f := range fields {
		if reserved := f.name == "content" || f.name == "gpg_signature"; reserved {
			continue
		}
		if err := form.WriteField(f.name, f.value); err != nil {
			return err
		}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="content"; filename=%q`, d.name))
	h.Set("Content-Type", "application/octet-stream")
	part, err := form.CreatePart(h)
	if err != nil {
		return err
	}
	body, err := d.file.Open()
	if err != nil {
		return fmt.Errorf("open file %q of the release: %w", d.file.Name, err)
	}
	defer body.Close()
	if _, err := io.Copy(part, body); err != nil {
		return err
	}
	return form.Close()
}
