package web

import "testing"

// What a job prints in colour can be read: on the log's page, and black and
// white on each of the grounds that have names.
func TestColoursCanBeRead(t *testing.T) {
	if c := contrast(logText, logPage); c < readable {
		t.Errorf("text has the contrast %.1f", c)
	}
	for n := range 256 {
		text := xterm(max(n, 16))
		if n < 16 {
			text = basic[0][n]
		}
		if c := contrast(text.toward(rgb{255, 255, 255}, logPage), logPage); c < readable {
			t.Errorf("colour %d has the contrast %.1f", n, c)
		}
	}
	for n, ground := range basic[1] {
		for _, ink := range []rgb{{}, {255, 255, 255}} {
			white, light := ink != rgb{}, n%8 == 7
			if n == 0 && !white || light && white {
				continue // black on black, white on white
			}
			if c := contrast(ink, ground); c < readable {
				t.Errorf("%s on ground %d %s has the contrast %.2f", ink, n, ground, c)
			}
		}
	}
	for _, want := range []struct {
		a, b rgb
		c    float64
	}{{rgb{}, rgb{255, 255, 255}, 21}, {rgb{119, 119, 119}, rgb{255, 255, 255}, 4.48}} {
		if c := contrast(want.a, want.b); c < want.c-0.01 || c > want.c+0.01 {
			t.Errorf("%s on %s is %.2f, want %.2f", want.a, want.b, c, want.c)
		}
	}
}
