package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"strings"
)

// addForms adds the forms in which programs print a value: as it is; each of
// its lines; and each of these in base64 (both alphabets, with and without
// padding, at each place in what was encoded with it), percent-encoded (both
// cases, a blank also as +), in hexadecimal digits, escaped for JSON and HTML,
// and quoted for a shell. What is shorter than MinLength is left out.
func addForms(forms map[string]bool, value string) {
	addEncoded(forms, value)
	for _, end := range []string{"", "\n"} {
		for _, width := range []int{64, 76} { // openssl base64, and base64
			addWrapped(forms, base64.StdEncoding.EncodeToString([]byte(value+end)), width)
		}
	}
	if strings.ContainsAny(value, "\r\n") {
		for line := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '\r' || r == '\n' }) {
			addEncoded(forms, strings.TrimSpace(line))
		}
	}
}

// addWrapped adds a text in lines of that width, and each of these lines that
// cannot be mistaken for another.
func addWrapped(forms map[string]bool, text string, width int) {
	if len(text) <= width {
		return
	}
	var lines []string
	for len(text) > 0 {
		line := text[:min(width, len(text))]
		if text = text[len(line):]; len(line) >= 16 {
			add(forms, line)
		}
		lines = append(lines, line)
	}
	add(forms, strings.Join(lines, "\n"))
}

func add(forms map[string]bool, form string) {
	if len(form) >= MinLength {
		forms[form] = true
	}
}

func addEncoded(forms map[string]bool, value string) {
	if len(value) < MinLength {
		return
	}
	add(forms, value)
	add(forms, hex.EncodeToString([]byte(value)))
	add(forms, strings.ToUpper(hex.EncodeToString([]byte(value))))
	for _, text := range []string{value, value + "\n"} { // as echo has it
		addBase64(forms, text, base64.StdEncoding)
		addBase64(forms, text, base64.URLEncoding)
	}
	addPercent(forms, value)
	addQuoted(forms, value)
}

// addBase64 adds what value becomes behind no, one and two other bytes. A
// character that other bytes have a part in is left out: it shows four bits of
// the value at most. At the end of all there is none such.
func addBase64(forms map[string]bool, value string, encoding *base64.Encoding) {
	for before := range 3 {
		text := encoding.EncodeToString([]byte("\x00\x00"[:before] + value))
		start := (8*before + 5) / 6
		add(forms, text[start:8*(before+len(value))/6])
		add(forms, text[start:])
		add(forms, strings.TrimRight(text[start:], "="))
	}
}

// unescaped are, beside letters and digits, the characters that one or another
// program leaves as they are: those of RFC 3986, of a form, of
// encodeURIComponent, of Python's quote, and of a URL's path, user and
// fragment.
var unescaped = []string{"-._~", "-._*", "-._", "-._~!'()*", "-._~/", "-._~$&+=:@", "-._~$&+,;=", "-._~!$&'()*+,;=", "-._~!$&'()*+,;=:@/?"}

func addPercent(forms map[string]bool, value string) {
	for _, hexDigits := range []string{"%%%02X", "%%%02x"} {
		for _, plain := range unescaped {
			for _, blank := range []string{"%20", "+"} {
				var b strings.Builder
				for _, c := range []byte(value) {
					switch {
					case c == ' ':
						b.WriteString(blank)
					case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte(plain, c) >= 0:
						b.WriteByte(c)
					default:
						fmt.Fprintf(&b, hexDigits, c)
					}
				}
				add(forms, b.String())
			}
		}
	}
}

func addQuoted(forms map[string]bool, value string) {
	for _, html := range []bool{true, false} {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if err := e.Encode(value); err == nil { // it is a text, which has no error
			text := b.String()
			text = text[1 : len(text)-2]
			add(forms, text)
			add(forms, strings.ReplaceAll(text, "/", `\/`))
		}
	}
	add(forms, html.EscapeString(value))
	add(forms, strings.ReplaceAll(value, "'", `'\''`))
	add(forms, strings.ReplaceAll(value, "'", `'"'"'`))
	add(forms, strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(value)) // $'...', Python
	add(forms, escaped(value, "\\\"$`"))
	add(forms, escaped(value, "\\\"$`!"))
	add(forms, escaped(value, " \t!\"#$&'()*,;<>?[\\]^`{|}"))    // bash's printf %q
	add(forms, escaped(value, " \t!\"#$&'()*,;<>?[\\]^`{|}~=%")) // other shells
}

// escaped is value with a backslash before each of the characters.
func escaped(value, characters string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if strings.IndexByte(characters, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
