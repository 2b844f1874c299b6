package manifest

import (
	"strconv"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// maxServices is how many services a package may have.
const maxServices = 20

// ownHosts are names of hosts that mean something else inside a container.
var ownHosts = map[string]bool{"localhost": true, "loktar": true}

func (p *parser) services(n *node, into map[string]checks.Service) map[string]checks.Service {
	if n.kind != '{' {
		p.mistyped(n, "an object", `{"db": {"image": "postgres:16"}}`)
		return into
	}
	names := map[string]string{} // as a host's name is compared
	for name := range into {
		names[strings.ToLower(name)] = name
	}
	for i := range n.kids {
		kid := &n.kids[i]
		host := strings.ToLower(kid.key)
		switch other := names[host]; {
		case len(kid.key) > 63 || !nameLike(kid.key):
			p.at(int(kid.keyOff), "", "%s is not the name of a host; use at most 63 letters, digits, `.`, `_` and `-`, and a letter or digit at the start", show(kid.key))
		case ownHosts[host]:
			p.at(int(kid.keyOff), "", "%s is the name of another host already; write for example `db`", show(kid.key))
		case strings.Trim(kid.key, "0123456789.") == "":
			p.at(int(kid.keyOff), "", "%s would be read as an address; write a name with a letter in it", show(kid.key))
		case other != "" && other != kid.key:
			p.at(int(kid.keyOff), "", "%s is the same host as %s; write another name", show(kid.key), show(other))
		}
		names[host] = kid.key
		if into == nil {
			into = make(map[string]checks.Service, len(n.kids))
		}
		into[kid.key] = p.service(kid)
	}
	if len(names) > maxServices {
		p.fault(n, "lists %d services, more than the %d that a package may have", len(names), maxServices)
	}
	return into
}

func (p *parser) service(n *node) checks.Service {
	var s checks.Service
	p.object(n, `{"image": "postgres:16"}`, serviceKeys, func(kid *node) bool {
		switch kid.key {
		case "image":
			s.Image = p.image(kid)
		case "env":
			s.Env = p.variables(kid, nil)
		case "ports":
			seen := map[int]bool{}
			p.list(kid, "[5432]", func(n *node) {
				port := int(p.integer(n, 1, 65535))
				if port > 0 && seen[port] {
					p.fault(n, "%d is listed twice; remove one of the two", port)
				}
				seen[port] = true
				s.Ports = append(s.Ports, port)
			})
		case "ready":
			s.Ready = p.ready(kid)
		default:
			return false
		}
		return true
	})
	if n.kind == '{' {
		p.need(n, "image", "name the image that the service runs in")
	}
	return s
}

// ready is a port, also when it is written as a string, or a command.
func (p *parser) ready(n *node) string {
	if n.kind == '0' {
		return strconv.FormatInt(p.integer(n, 1, 65535), 10)
	}
	text := p.word(n, `5432 or "pg_isready"`)
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return text
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		p.fault(n, "%s is no port; write a number from 1 to 65535, or a command", show(text))
	}
	return strconv.Itoa(port)
}
