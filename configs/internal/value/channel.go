package value

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// channelForm is what a channel of Slack is called: names have small letters,
// of any script, digits, "-" and "_". Ids are of public and private channels,
// not of conversations with a person.
var channelForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^(#[^\\x00-,./:-^`{-\\x9f]{1,80}|[CG][A-Z0-9]{8,20})$")
})

// Channel checks the form of a channel of Slack: "#" and its name, or its id.
// It does not ask whether there is such a channel.
func Channel(s string) error {
	if channelForm().MatchString(s) {
		return nil
	}
	if near := "#" + strings.ToLower(strings.TrimLeft(s, "#@")); channelForm().MatchString(near) {
		return errors.New("is not a channel; did you mean `" + near + "`?")
	}
	return errors.New("is not a channel; write `#` and its name in small letters, or its id")
}
