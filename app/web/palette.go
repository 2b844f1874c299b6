package web

import (
	"fmt"
	"math"
	"strings"
)

// rgb is a colour, of sRGB.
type rgb [3]uint8

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is the relative luminance. (WCAG 2.2, "relative luminance".)
func (c rgb) luminance() float64 {
	var part [3]float64
	for i, v := range c {
		part[i] = float64(v) / 255
		if part[i] <= 0.04045 {
			part[i] /= 12.92
		} else {
			part[i] = math.Pow((part[i]+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*part[0] + 0.7152*part[1] + 0.0722*part[2]
}

// contrast is that of two colours, from 1 to 21. (WCAG 2.2, "contrast ratio".)
func contrast(a, b rgb) float64 {
	high, low := a.luminance(), b.luminance()
	return (max(high, low) + 0.05) / (min(high, low) + 0.05)
}

// readable is the least contrast of text. (WCAG 2.2, success criterion 1.4.3.)
const readable = 4.5

// logPage is what logs are shown on, and logText what text has there without a
// colour of its own.
var logPage, logText = rgb{0x12, 0x16, 0x1b}, rgb{0xd5, 0xdb, 0xe1}

// toward mixes c with another colour until it can be read on page.
func (c rgb) toward(other, page rgb) rgb {
	out := c
	for step := 1; contrast(out, page) < readable && step <= 20; step++ {
		for i := range out {
			out[i] = uint8((int(c[i])*(20-step) + int(other[i])*step) / 20)
		}
	}
	return out
}

// basic are the colours of text that have names, and behind those of what it
// stands on: dark enough for white, light enough for black.
var basic = [2][16]rgb{
	{{0x8b, 0x94, 0x9e}, {0xff, 0x7b, 0x72}, {0x7e, 0xe7, 0x87}, {0xe3, 0xb3, 0x41}, {0x79, 0xc0, 0xff}, {0xd2, 0xa8, 0xff}, {0x56, 0xd4, 0xdd}, {0xc9, 0xd1, 0xd9},
		{0x8b, 0x94, 0x9e}, {0xff, 0xa1, 0x98}, {0xa5, 0xf3, 0xb0}, {0xf2, 0xcc, 0x60}, {0xa5, 0xd6, 0xff}, {0xe2, 0xc5, 0xff}, {0x8b, 0xe9, 0xf0}, {0xff, 0xff, 0xff}},
	{{0x2d, 0x33, 0x3b}, {0xda, 0x36, 0x33}, {0x21, 0x86, 0x3c}, {0x9c, 0x6b, 0x00}, {0x20, 0x74, 0xd6}, {0x8e, 0x5a, 0xd6}, {0x1b, 0x80, 0x8a}, {0xc9, 0xd1, 0xd9},
		{0x6b, 0x76, 0x80}, {0xda, 0x36, 0x33}, {0x21, 0x86, 0x3c}, {0x9c, 0x6b, 0x00}, {0x20, 0x74, 0xd6}, {0x8e, 0x5a, 0xd6}, {0x1b, 0x80, 0x8a}, {0xff, 0xff, 0xff}},
}

// xterm is one of its 256 colours, from 16 on.
func xterm(n int) rgb {
	if n >= 232 {
		v := uint8(8 + 10*(n-232))
		return rgb{v, v, v}
	}
	level := func(i int) uint8 {
		if i == 0 {
			return 0
		}
		return uint8(55 + 40*i)
	}
	return rgb{level((n - 16) / 36), level((n - 16) / 6 % 6), level((n - 16) % 6)}
}

// paletteCSS are the classes of xterm's 256 colours. Text whose colour is too
// dark for the log's page is made lighter, unless it has a ground of its own;
// text without a colour has what can be read on its ground.
func paletteCSS() string {
	var b, grounds strings.Builder
	for n := range 256 {
		text, ground := xterm(max(n, 16)), xterm(max(n, 16))
		if n < 16 {
			text, ground = basic[0][n], basic[1][n]
		}
		light, ink := text.toward(rgb{255, 255, 255}, logPage), logText
		if contrast(ink, ground) < readable {
			if ink = (rgb{255, 255, 255}); contrast(ink, ground) < readable {
				ink = rgb{}
			}
		}
		on := fmt.Sprintf("{background:%s;color:%s}", ground, ink)
		fg, bg := fmt.Sprintf("fgx%d", n), fmt.Sprintf("bgx%d", n)
		fmt.Fprintf(&grounds, ".term-%s%s", bg, on)
		fmt.Fprintf(&b, ".term-%s{color:%s}", fg, light)
		if light != text {
			fmt.Fprintf(&b, "[class*=term-bg].term-%s{color:%s}", fg, text)
		}
		switch {
		case n < 8:
			fg, bg = fmt.Sprintf("fg%d", n+30), fmt.Sprintf("bg%d", n+40)
		case n < 16:
			fg, bg = fmt.Sprintf("fgi%d", n+82), fmt.Sprintf("bgi%d", n+92)
		default:
			continue
		}
		fmt.Fprintf(&grounds, ".term-%s%s", bg, on)
		fmt.Fprintf(&b, ".term-%s{color:%s}", fg, light)
	}
	// Black and white are for grounds. A colour that comes later wins.
	b.WriteString("[class*=term-bg]:is(.term-fg30,.term-fgx0){color:#000}[class*=term-bg]:is(.term-fg37,.term-fgx7){color:#fff}")
	b.WriteString(":is(.term-bg47,.term-bgi107,.term-bgx7,.term-bgx15):is(.term-fg37,.term-fgx7){color:#000}:is(.term-bg40,.term-bgx0):is(.term-fg30,.term-fgx0){color:#8b949e}")
	return grounds.String() + b.String()
}
