package minihub

import "strconv"

// The functions in this file render check runs and suites. Hub.mu is held.

func (h *Hub) runJSON(r *Repo, run *checkRun) obj {
	o := h.runCore(r, run)
	o["check_suite"] = obj{"id": run.SuiteID}
	return o
}

func (h *Hub) runCore(r *Repo, run *checkRun) obj {
	id := strconv.FormatInt(run.ID, 10)
	self := h.repoAPI(r) + "/check-runs/" + id
	out := obj{"title": nil, "summary": nil, "text": nil, "annotations_count": len(run.Annotations), "annotations_url": self + "/annotations"}
	if run.HasOutput {
		out["title"], out["summary"], out["text"] = run.Title, run.Summary, orNull(run.Text)
	}
	return obj{
		"id": run.ID, "name": run.Name, "node_id": nodeID("CR", run.ID), "head_sha": run.HeadSHA, "external_id": run.ExternalID,
		"url": self, "html_url": h.url + "/" + r.FullName() + "/runs/" + id, "details_url": run.DetailsURL, "status": run.Status,
		"conclusion": orNull(run.Conclusion), "started_at": stamp(run.StartedAt), "completed_at": stamp(run.CompletedAt),
		"output": out, "app": h.appJSON(run.app), "pull_requests": h.pullsOf(r, run.HeadSHA),
	}
}

// payloadRunJSON is a check run as check_run payloads show it.
func (h *Hub) payloadRunJSON(r *Repo, run *checkRun) obj {
	o := h.runCore(r, run)
	s := h.suiteCore(r, run.suite)
	o["check_suite"] = s
	if len(run.Actions) > 0 {
		actions := []obj{}
		for _, a := range run.Actions {
			actions = append(actions, obj{"label": a.Label, "description": a.Description, "identifier": a.Identifier})
		}
		o["actions"] = actions
	}
	return o
}

func (h *Hub) suiteCore(r *Repo, s *suite) obj {
	status, conclusion := s.state()
	return obj{
		"id": s.id, "node_id": nodeID("CS", s.id), "head_branch": orNull(s.headBranch), "head_sha": s.headSHA, "status": status,
		"conclusion": orNull(conclusion), "url": h.repoAPI(r) + "/check-suites/" + strconv.FormatInt(s.id, 10),
		"before": orNull(s.before), "after": s.headSHA, "pull_requests": h.pullsOf(r, s.headSHA), "app": h.appJSON(s.app),
		"created_at": stamp(s.created), "updated_at": stamp(s.updated),
	}
}

// payloadSuiteJSON is a suite as check_suite payloads show it.
func (h *Hub) payloadSuiteJSON(r *Repo, s *suite) obj {
	o := h.suiteCore(r, s)
	c := r.known(s.headSHA)
	o["head_commit"] = obj{
		"id": c.sha, "tree_id": c.tree, "message": c.message, "timestamp": stamp(c.committed),
		"author":    obj{"name": c.authorName, "email": c.authorEmail},
		"committer": obj{"name": c.committerName, "email": c.committerEmail},
	}
	o["latest_check_runs_count"] = len(s.runs())
	o["check_runs_url"] = o["url"].(string) + "/check-runs"
	o["rerequestable"], o["runs_rerequestable"] = true, true
	return o
}

func (h *Hub) suiteJSON(r *Repo, s *suite) obj {
	o := h.payloadSuiteJSON(r, s)
	o["repository"] = h.repoJSON(r)
	return o
}
