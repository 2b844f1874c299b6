package manifest

import (
	"math"
	"strconv"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/internal/value"
)

// The readers of keys that hold objects: resources and cache.

func (p *parser) resources(n *node, r *checks.Resources) {
	p.object(n, `{"memory": "2GiB"}`, resourceKeys, func(kid *node) bool {
		switch kid.key {
		case "cpus":
			r.CPUs = p.cpus(kid)
		case "memory":
			r.Memory = p.memory(kid)
		case "pids":
			r.PIDs = p.integer(kid, 1, math.MaxInt32)
		default:
			return false
		}
		return true
	})
}

func (p *parser) cpus(n *node) float64 {
	if n.kind != '0' {
		p.mistyped(n, "a number", "1.5")
		return 0
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || f < 0.01 || f > 1024 {
		p.fault(n, "%s is out of range; write a number from 0.01 to 1024", show(n.text))
		return 0
	}
	return f
}

func (p *parser) memory(n *node) int64 {
	if n.kind != '"' {
		p.mistyped(n, "a size", `"2GiB"`)
		return 0
	}
	m, err := value.Memory(n.text)
	if err != nil {
		p.fault(n, "%s %v", show(n.text), err)
	}
	return m
}

func (p *parser) caches(n *node) []checks.Cache {
	var out []checks.Cache
	seen := map[string]bool{}
	const example = `[{"key": "pip", "paths": ["~/.cache/pip"]}]`
	p.list(n, example, func(entry *node) {
		var c checks.Cache
		p.object(entry, example[1:len(example)-1], cacheKeys, func(kid *node) bool {
			switch kid.key {
			case "key":
				if c.Key = p.word(kid, `"pip"`); c.Key != "" && seen[c.Key] {
					p.fault(kid, "%s is the key of another cache of this package; join the two or write another key", show(c.Key))
				}
				seen[c.Key] = true
			case "paths":
				c.Paths = p.words(kid, `["~/.cache/pip"]`, func(n *node, s string) {
					if wrong := checks.CachePathFault(s); wrong != "" {
						p.fault(n, "%s %s", show(s), wrong)
					}
				})
				if kid.kind == '[' && len(kid.kids) == 0 {
					p.fault(kid, "is empty; list what the cache keeps")
				}
			default:
				return false
			}
			return true
		})
		if entry.kind == '{' {
			p.need(entry, "key", "name the cache")
			p.need(entry, "paths", "list what it keeps")
		}
		out = append(out, c)
	})
	return out
}

// need reports a key that an object lacks.
func (p *parser) need(n *node, key, remedy string) {
	if n.member(key) == nil {
		p.at(int(n.off), key, "is missing; %s", remedy)
	}
}
