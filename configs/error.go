package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Problem is one thing wrong in the configuration.
type Problem struct {
	Key    string // as in a file, "github.app_id"; "" when it is about no key
	Source string // FILE:LINE or the variable; "" when nothing sets the key
	Value  string // quoted; "" for a secret, and where there is none
	// Message says what is wrong and what to do about it.
	Message string
}

// String is the problem in one line.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(p.Source + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + " ")
	}
	if p.Value != "" {
		b.WriteString(p.Value + " ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Error is a configuration that cannot be used: everything wrong with it.
type Error struct {
	Problems []Problem
}

// Error has one line for each problem.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "configuration: %d problems", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// shown is a value for a message. What is or may hold a secret is not shown.
func shown(k key, text string) string {
	switch {
	case k.secret || strings.Contains(text, "PRIVATE KEY"):
		return ""
	case strings.Contains(text, "@") && strings.HasSuffix(k.name, "url"):
		return ""
	case len(text) > 200:
		return strconv.Quote(text[:200]) + "..."
	}
	return strconv.Quote(text)
}
