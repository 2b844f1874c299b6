package minihub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// shownDeliveries is how many deliveries the page of an App lists.
const shownDeliveries = 100

type deliveryRow struct {
	ID                        int64
	GUID, Event, Status, When string
	Code                      int
	Took                      string
	Done, OK, Redelivery      bool
}

type hookPageData struct {
	frame
	App, Owner, URL string
	Rows            []deliveryRow
	MayRedeliver    bool
}

type deliveryPageData struct {
	hookPageData
	deliveryRow
	Request, Answer   []string // headers
	Payload, Response string
}

func (d *delivery) rowAt() deliveryRow {
	row := deliveryRow{ID: d.ID, GUID: d.GUID, Event: d.Event, Status: d.Status, Code: d.StatusCode, Done: d.Done, OK: d.Status == "OK", Redelivery: d.Redelivery}
	if d.Action != "" {
		row.Event += "." + d.Action
	}
	if d.Done {
		row.When, row.Took = d.Delivered.Format("2006-01-02 15:04:05"), fmt.Sprintf("%.2f seconds", d.Duration.Seconds())
	}
	return row
}

// hookData is what the App's pages show around deliveries. The App's owner is
// the default viewer there.
func (h *Hub) hookData(r *http.Request, a *App) hookPageData {
	path := "/-/apps/" + a.slug + "/advanced"
	d := hookPageData{frame: h.frame(r, nil, "Advanced · "+a.slug, path), App: a.slug}
	h.mu.Lock()
	defer h.mu.Unlock()
	d.Owner, d.URL = a.owner.login, a.hook.url
	if d.Viewer == "" {
		d.Viewer = d.Owner
	}
	d.MayRedeliver = strings.EqualFold(d.Viewer, d.Owner) && d.URL != ""
	return d
}

func (h *Hub) hookRows(r *http.Request, a *App) hookPageData {
	d := h.hookData(r, a)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, one := range slices.Backward(a.deliveries) {
		if len(d.Rows) == shownDeliveries {
			break
		}
		d.Rows = append(d.Rows, one.rowAt())
	}
	return d
}

func (h *Hub) hookPage(w http.ResponseWriter, r *http.Request) {
	a := h.pageApp(r)
	if a == nil {
		http.NotFound(w, r)
		return
	}
	render(w, http.StatusOK, "hook.html", h.hookRows(r, a))
}

func (h *Hub) hookEvents(w http.ResponseWriter, r *http.Request) {
	a := h.pageApp(r)
	if a == nil {
		http.NotFound(w, r)
		return
	}
	h.stream(w, r, "hook-live", func() any { return h.hookRows(r, a) })
}

// pageDelivery finds the delivery of a path; nil answered 404.
func (h *Hub) pageDelivery(w http.ResponseWriter, r *http.Request) (*App, *delivery) {
	a := h.pageApp(r)
	if a != nil {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, d := range a.deliveries {
			if d.ID == id && d.Done {
				return a, d
			}
		}
	}
	http.NotFound(w, r)
	return nil, nil
}

func (h *Hub) deliveryPage(w http.ResponseWriter, r *http.Request) {
	a, one := h.pageDelivery(w, r)
	if one == nil {
		return
	}
	headers := func(head http.Header) (out []string) {
		for k := range head {
			out = append(out, k+": "+head.Get(k))
		}
		slices.Sort(out)
		return out
	}
	d := deliveryPageData{hookPageData: h.hookData(r, a)}
	h.mu.Lock()
	d.deliveryRow, d.Response = one.rowAt(), one.response
	d.Request, d.Answer = headers(one.reqHeader), headers(one.respHeader)
	d.Path = "/-/apps/" + a.slug + "/deliveries/" + strconv.FormatInt(one.ID, 10)
	d.PageTitle = one.GUID
	var b bytes.Buffer
	if err := json.Indent(&b, one.Payload, "", "  "); err == nil {
		d.Payload = b.String()
	}
	h.mu.Unlock()
	render(w, http.StatusOK, "delivery.html", d)
}

// redeliverForm delivers an event once more. The App's owner may.
func (h *Hub) redeliverForm(w http.ResponseWriter, r *http.Request) {
	a, one := h.pageDelivery(w, r)
	if one == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	who := h.hookData(r, a)
	if !strings.EqualFold(who.Viewer, who.Owner) {
		h.fail(w, r, nil, http.StatusForbidden, who.Viewer+" does not own the App "+a.slug+": "+who.Owner+" does.")
		return
	}
	h.mu.Lock()
	queued := a.again(one)
	h.touch()
	h.mu.Unlock()
	if !queued {
		h.fail(w, r, nil, http.StatusConflict, "The App has no webhook.")
		return
	}
	http.Redirect(w, r, "/-/apps/"+a.slug+"/advanced", http.StatusSeeOther)
}
