package infer

import "testing"

func TestCache(t *testing.T) {
	c := newCache[string, int](100)
	c.put("heavy", 1, 26) // more than a quarter
	for i, key := range []string{"a", "b", "c", "d"} {
		c.put(key, i, 25)
	}
	c.get("a")
	c.put("a", 9, 25) // it is there
	c.put("e", 4, 20)
	c.put("f", 5, 1)
	for key, want := range map[string]int{"a": 0, "c": 2, "d": 3, "e": 4, "f": 5, "b": -1, "heavy": -1} {
		got, ok := c.get(key)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
	}
	if c.size != 96 || c.order.Len() != 5 || len(c.items) != 5 {
		t.Errorf("%d bytes, %d and %d items", c.size, c.order.Len(), len(c.items))
	}
}

// A parser that panics costs one file, not the server.
func TestParsePanics(t *testing.T) {
	says := parse(&parser{parse: func(_, _ string, data []byte) (Facts, error) { panic(len(data)) }}, "a", "a/x", nil)
	if says.problem == "" || says.line != 0 || len(says.facts.Needs) > 0 {
		t.Errorf("%+v", says)
	}
}
