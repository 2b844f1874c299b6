package minihub

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// listDeliveries lists attempts that were made, newest first, by cursor.
func (h *Hub) listDeliveries(c *call) (answer, error) {
	q := c.URL.Query()
	per, err := strconv.Atoi(q.Get("per_page"))
	if err != nil || per < 1 {
		per = 30
	}
	per = min(per, 100)
	before := int64(0)
	if s := q.Get("cursor"); s != "" {
		if before, err = strconv.ParseInt(s, 10, 64); err != nil {
			return answer{}, refuse(http.StatusBadRequest, "Invalid cursor")
		}
	}
	status := q.Get("status")
	if status != "" && status != "success" && status != "failure" {
		return answer{}, refuse(http.StatusUnprocessableEntity, "Invalid status: %s", status)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	all, more := []obj{}, false
	for _, d := range slices.Backward(c.app.deliveries) {
		if !d.Done || (before != 0 && d.ID >= before) || (status != "" && (status == "success") != (d.Status == "OK")) {
			continue
		}
		if len(all) == per {
			more = true
			break
		}
		all = append(all, d.itemJSON())
	}
	if more {
		v := url.Values{"per_page": {strconv.Itoa(per)}, "cursor": {strconv.FormatInt(all[per-1]["id"].(int64), 10)}}
		if status != "" {
			v.Set("status", status)
		}
		c.w.Header().Set("Link", "<"+h.url+c.URL.EscapedPath()+"?"+v.Encode()+`>; rel="next"`)
	}
	return answer{http.StatusOK, all}, nil
}

func (d *delivery) itemJSON() obj {
	orNoID := func(id int64) any {
		if id == 0 {
			return nil
		}
		return id
	}
	return obj{"id": d.ID, "guid": d.GUID, "delivered_at": stamp(d.Delivered), "redelivery": d.Redelivery, "duration": d.Duration.Seconds(),
		"status": d.Status, "status_code": d.StatusCode, "event": d.Event, "action": orNull(d.Action),
		"installation_id": orNoID(d.installation), "repository_id": orNoID(d.repository), "throttled_at": nil}
}

// delivery finds the attempt of the path. mu is held.
func (c *call) delivery() (*delivery, error) {
	for _, d := range c.app.deliveries {
		if d.ID == c.id("id") && d.Done {
			return d, nil
		}
	}
	return nil, errNotFound
}

func (h *Hub) getDelivery(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := c.delivery()
	if err != nil {
		return answer{}, err
	}
	flat := func(head http.Header) obj {
		o := obj{}
		for k := range head {
			o[k] = head.Get(k)
		}
		return o
	}
	o := d.itemJSON()
	o["url"] = d.url
	o["request"] = obj{"headers": flat(d.reqHeader), "payload": d.Payload}
	o["response"] = obj{"headers": flat(d.respHeader), "payload": d.response}
	return answer{http.StatusOK, o}, nil
}

// redeliver queues the same event once more, with the GUID that it had.
func (h *Hub) redeliver(c *call) (answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, err := c.delivery()
	if err != nil {
		return answer{}, err
	}
	if !c.app.again(d) {
		return answer{}, refuse(http.StatusUnprocessableEntity, "The App has no webhook")
	}
	return answer{http.StatusAccepted, obj{}}, nil
}

// again queues another attempt of a delivery; false when the App has no
// webhook. Hub.mu is held.
func (a *App) again(d *delivery) bool {
	if a.hook.url == "" {
		return false
	}
	a.push(&delivery{installation: d.installation, repository: d.repository,
		Delivery: Delivery{GUID: d.GUID, Event: d.Event, Action: d.Action, Payload: d.Payload, Redelivery: true}})
	return true
}

// hookJSON is the App's hook as the ping shows it. Hub.mu is held.
func (a *App) hookJSON() obj {
	return obj{
		"type": "App", "id": a.hook.id, "name": "web", "active": true, "app_id": a.id, "events": a.hub.events(),
		"config":     obj{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": a.hook.url},
		"created_at": stamp(a.created), "updated_at": stamp(a.hub.now()), "deliveries_url": a.hub.url + apiPrefix + "/app/hook/deliveries",
	}
}
