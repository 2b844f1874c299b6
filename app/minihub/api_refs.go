package minihub

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// postRef makes a branch or a tag. The refusals are GitHub's words.
func (h *Hub) postRef(c *call) (answer, error) {
	m, err := c.readObject()
	if err != nil {
		return answer{}, err
	}
	f := newFields(m)
	f.require("ref", "sha")
	ref, sha := f.str("ref", 0), f.str("sha", 0)
	if err := f.err(); err != nil {
		return answer{}, err
	}
	r, no := c.repo, func(format string, args ...any) (answer, error) {
		return answer{}, refuse(http.StatusUnprocessableEntity, format, args...)
	}
	if !isSHA(sha) {
		return no("The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
	}
	if !strings.HasPrefix(ref, "refs/") || strings.Count(ref, "/") < 2 {
		return no("Reference name must contain at least three slash-separated components.")
	}
	if _, err := h.git(c.Context(), "", nil, "check-ref-format", ref); err != nil {
		return no("%s is not a valid ref name.", ref)
	}
	commit, err := r.commit(c.Context(), sha)
	if err != nil {
		return answer{}, err
	}
	if commit == nil {
		return no("Object does not exist")
	}
	h.refMu.Lock()
	defer h.refMu.Unlock()
	refs, err := r.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	if refs[ref] != "" {
		return no("Reference already exists")
	}
	if !r.takesRef(ref) {
		return no("Reference update failed")
	}
	if _, err := h.git(c.Context(), r.dir, nil, "update-ref", "--end-of-options", ref, sha, zeroSHA); err != nil {
		return no("Reference update failed") // as a folder of refs in its place
	}
	if err := r.refsMoved(c.Context(), c.app.bot.login, refs); err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.refJSON(r, ref, "commit", sha)
	c.w.Header().Set("Location", o["url"].(string))
	return answer{http.StatusCreated, o}, nil
}

// looksLikeID is what GitHub takes as the name of no branch and no tag.
var looksLikeID = regexp.MustCompile(`^(refs/.*|[0-9a-fA-F]{40})$`)

// takesRef reports whether a ref is of a kind that people may make, and no
// rule of the repository forbids it.
func (r *Repo) takesRef(ref string) bool {
	name, isTag := strings.CutPrefix(ref, "refs/tags/")
	if !isTag {
		var isBranch bool
		if name, isBranch = strings.CutPrefix(ref, "refs/heads/"); !isBranch {
			return false
		}
	}
	return !looksLikeID.MatchString(name) && (isTag || r.mayPush(name) == nil)
}

func (h *Hub) refJSON(r *Repo, ref, kind, sha string) obj {
	return obj{"ref": ref, "node_id": "REF_" + sha, "url": h.repoAPI(r) + "/git/" + ref,
		"object": obj{"type": kind, "sha": sha, "url": h.repoAPI(r) + "/git/" + kind + "s/" + sha}}
}

// getRef serves one ref by its name without refs/.
func (h *Hub) getRef(c *call) (answer, error) {
	refs, err := c.repo.refs(c.Context())
	if err != nil {
		return answer{}, err
	}
	ref := "refs/" + c.PathValue("ref")
	sha := refs[ref]
	if sha == "" {
		return answer{}, errNotFound
	}
	kind, err := h.git(c.Context(), c.repo.dir, nil, "cat-file", "-t", sha)
	if err != nil {
		return answer{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return answer{http.StatusOK, h.refJSON(c.repo, ref, strings.TrimSpace(kind), sha)}, nil
}

var tagger = regexp.MustCompile(`^(.*) <(.*)> ([0-9]+) [-+][0-9]{4}$`)

// getTag serves a tag object: what an annotated tag points at.
func (h *Hub) getTag(c *call) (answer, error) {
	sha := c.PathValue("sha")
	text, err := c.repo.tagObject(c.Context(), sha)
	if err != nil || text == "" {
		return answer{}, errNotFound
	}
	head, message, _ := strings.Cut(text, "\n\n")
	field := map[string]string{}
	for line := range strings.SplitSeq(head, "\n") {
		k, v, _ := strings.Cut(line, " ")
		field[k] = v
	}
	by := obj{"name": "", "email": "", "date": stamp(time.Unix(0, 0))}
	if m := tagger.FindStringSubmatch(field["tagger"]); m != nil {
		at, _ := strconv.ParseInt(m[3], 10, 64)
		by = obj{"name": m[1], "email": m[2], "date": stamp(time.Unix(at, 0))}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	api := h.repoAPI(c.repo) + "/git/"
	return answer{http.StatusOK, obj{"node_id": "TAG_" + sha, "tag": field["tag"], "sha": sha, "url": api + "tags/" + sha, "message": message, "tagger": by,
		"object": obj{"sha": field["object"], "type": field["type"], "url": api + field["type"] + "s/" + field["object"]}}}, nil
}

func (r *Repo) tagObject(ctx context.Context, sha string) (string, error) {
	if !isSHA(sha) {
		return "", nil
	}
	return r.hub.git(ctx, r.dir, nil, "cat-file", "tag", sha)
}
