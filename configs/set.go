package configs

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v4"

	"github.com/dudesons/loktar/configs/internal/value"
)

var (
	levels  = []string{"trace", "debug", "info", "warn", "error"}
	formats = []string{"auto", "console", "json"}
)

// maxSecretFile bounds what is read of a file that should hold one line.
const maxSecretFile = 64 << 10

func setListen(c *Config, v string) error {
	const remedy = "; write HOST:PORT, for example 127.0.0.1:8080"
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return errors.New("is not an address" + remedy)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errors.New("has no port from 0 to 65535" + remedy)
	}
	if strings.ContainsAny(host, " /@") {
		return errors.New("has no right host" + remedy)
	}
	c.Listen = v
	return nil
}

func setPublicURL(c *Config, v string) (err error) {
	c.PublicURL, err = webURL(v, "https://loktar.example.com")
	return err
}

func setGitHubURL(c *Config, v string) error {
	s, err := webURL(v, "https://github.example.com")
	if err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	switch strings.TrimSuffix(u.Host, ":443") {
	case "github.com", "www.github.com", "api.github.com":
		if s != publicGitHub {
			return errors.New("is not how GitHub itself is named; write " + publicGitHub)
		}
	}
	if trimmed := strings.TrimSuffix(s, "/api/v3"); trimmed != s {
		return errors.New("names the REST API; write the server itself, as " + trimmed)
	}
	c.GitHub.URL = s
	return nil
}

// webURL checks a URL and gives it without a slash at the end.
func webURL(v, example string) (string, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("is not an http or https URL; write for example " + example)
	case u.User != nil:
		return "", errors.New("holds a user name or password; remove it")
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(v, "?#"):
		return "", errors.New("holds more than a path; remove everything from `?` or `#` on")
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/"), nil
}

func setDataDir(c *Config, v string) error {
	abs, err := filepath.Abs(v)
	if err != nil {
		return fmt.Errorf("cannot be made absolute (%w); write the whole path", err)
	}
	if strings.ContainsAny(abs, ",:\\") || strings.ContainsFunc(abs, unicode.IsControl) {
		return errors.New("holds `,`, `:`, a backslash or a control character, which the options of a mount cannot; choose another folder")
	}
	c.DataDir = abs
	return nil
}

func setAppID(c *Config, v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 {
		return errors.New("is not an App ID; write the number that the App's settings page shows")
	}
	c.GitHub.AppID = n
	return nil
}

func setPrivateKeyFile(c *Config, v string) error {
	if strings.Contains(v, "PRIVATE KEY") {
		return errors.New("is a key, not the path of one; save the key to a file and write its path")
	}
	abs, data, err := readFile(v)
	if err != nil {
		return err
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(data)
	if err != nil {
		return errors.New("holds no RSA private key in PEM form; write the path of the .pem file that the App's settings page gave you")
	}
	c.GitHub.PrivateKeyFile, c.GitHub.key = abs, key
	return nil
}

func setWebhookSecret(c *Config, v string) error {
	if strings.TrimSpace(v) == "" {
		return errors.New("is empty; write the secret that the App's settings page has under Webhook")
	}
	c.GitHub.WebhookSecret = NewSecret(v)
	return nil
}

func setWebhookSecretFile(c *Config, v string) error {
	abs, data, err := readFile(v)
	if err != nil {
		return err
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if strings.TrimSpace(secret) == "" {
		return errors.New("is empty; put the secret that the App's settings page has under Webhook into the file")
	}
	c.GitHub.WebhookSecretFile, c.GitHub.WebhookSecret = abs, NewSecret(secret)
	return nil
}

func setWritesPerMinute(c *Config, v string) error { return setWrites(&c.GitHub.WritesPerMinute, v) }

func setWritesPerHour(c *Config, v string) error { return setWrites(&c.GitHub.WritesPerHour, v) }

func setWrites(to *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 10 || n > 1_000_000 {
		return errors.New("is out of range; write a whole number from 10 to 1000000")
	}
	*to = n
	return nil
}

// readFile reads a small file. Its errors do not repeat the path.
func readFile(name string) (abs string, data []byte, err error) {
	if abs, err = filepath.Abs(name); err != nil {
		return "", nil, fmt.Errorf("cannot be made absolute (%w); write the whole path", err)
	}
	info, err := os.Stat(abs)
	if err == nil && !info.Mode().IsRegular() {
		return "", nil, errors.New("is not a file; write the path of a file")
	}
	if err == nil && info.Size() > maxSecretFile {
		return "", nil, errors.New("is larger than 64 KiB; write the path of another file")
	}
	if err == nil {
		data, err = os.ReadFile(abs)
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		return "", nil, fmt.Errorf("cannot be read (%w); write the path of a file that the server may read", pe.Err)
	}
	return abs, data, err
}

func setSlots(c *Config, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 10_000 {
		return errors.New("is out of range; write a whole number from 1 to 10000")
	}
	c.Runner.Slots = n
	return nil
}

func setImage(c *Config, v string) error {
	c.Runner.Image = v
	return value.Image(v)
}

func setMemory(c *Config, v string) error {
	n, err := value.Memory(v)
	c.Runner.Memory = Size(n)
	return err
}

func setCPUs(c *Config, v string) error {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0.01 && f <= 1024) {
		return errors.New("is out of range; write a number from 0.01 to 1024")
	}
	c.Runner.CPUs = f
	return nil
}

func setPIDs(c *Config, v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 16 {
		return errors.New("is out of range; write a whole number from 16 to 2147483647")
	}
	c.Runner.PIDs = n
	return nil
}

func setKeep(c *Config, v string) error { return setDays(&c.Artifacts.Days, v) }

func setCachesKeep(c *Config, v string) error { return setDays(&c.Caches.Days, v) }

func setLogsKeep(c *Config, v string) error { return setDays(&c.Logs.Days, v) }

func setDays(to *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 3650 {
		return errors.New("is out of range; write a number of days from 1 to 3650")
	}
	*to = n
	return nil
}

func setCachesMaxSize(c *Config, v string) error { return setBound(&c.Caches.MaxSize, v, "20GiB") }

func setMaxSize(c *Config, v string) error {
	n, err := value.Memory(v)
	c.Artifacts.MaxSize = Size(n)
	return err
}

func setLevel(c *Config, v string) error {
	if !slices.Contains(levels, v) {
		return unknownWord("a log level", v, levels)
	}
	c.Log.Level = v
	return nil
}

func setFormat(c *Config, v string) error {
	if !slices.Contains(formats, v) {
		return unknownWord("a log format", v, formats)
	}
	c.Log.Format = v
	return nil
}

func unknownWord(what, v string, words []string) error {
	return errors.New("is not " + what + value.Say(value.Nearest(v, words, nil), "write one of "+strings.Join(words, ", ")))
}
