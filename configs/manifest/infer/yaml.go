package infer

import "go.yaml.in/yaml/v3"

func (c *composeReader) line(n *yaml.Node) int { return min(max(1, n.Line), c.lines) }

// follow is the value that an alias stands for; nil when there is none, or
// when too much was looked at.
func (c *composeReader) follow(n *yaml.Node) *yaml.Node {
	for hops := 0; n != nil; hops++ {
		if c.nodes++; c.nodes > maxNodes || hops > 20 {
			return nil
		}
		if n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// pair is a key of a mapping and its value.
type pair struct {
	key   string
	line  int // of the key
	value *yaml.Node
}

// pairs are the pairs of a mapping and of those that it merges with `<<`.
func (c *composeReader) pairs(n *yaml.Node, depth int) []pair {
	if n = c.follow(n); n == nil || n.Kind != yaml.MappingNode || depth > 20 {
		return nil
	}
	var all []pair
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content) && c.nodes <= maxNodes; i += 2 {
		key := c.follow(n.Content[i])
		if key == nil || key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			continue
		}
		own[key.Value] = true
		all = append(all, pair{key.Value, c.line(n.Content[i]), n.Content[i+1]})
	}
	for i := 0; i+1 < len(n.Content) && c.nodes <= maxNodes; i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		merged := c.items(n.Content[i+1])
		if len(merged) == 0 {
			merged = []*yaml.Node{n.Content[i+1]}
		}
		for _, m := range merged {
			for _, p := range c.pairs(m, depth+1) {
				if !own[p.key] {
					own[p.key] = true
					all = append(all, p)
				}
			}
		}
	}
	return all
}

// items are the elements of a list.
func (c *composeReader) items(n *yaml.Node) []*yaml.Node {
	if n = c.follow(n); n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	var all []*yaml.Node
	for _, item := range n.Content {
		if item = c.follow(item); item != nil {
			all = append(all, item)
		}
	}
	return all
}
