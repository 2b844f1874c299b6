package keys

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// Each field of a package is decided, once, with a reason.
func TestFieldsAreDecided(t *testing.T) {
	var want, got []string
	for f := range reflect.TypeFor[checks.Package]().Fields() {
		want = append(want, f.Name)
	}
	for _, f := range fields {
		got = append(got, f.name)
		if f.reason == "" {
			t.Errorf("%s is decided without a reason", f.name)
		}
	}
	if !slices.Equal(want, got) {
		t.Errorf("the fields of checks.Package are\n%q, decided are\n%q: decide what a new one means to a key, and change the format when it counts", want, got)
	}
}

// A field counts exactly when the table says so, with all that is in it.
func TestFieldsCount(t *testing.T) {
	base := full()
	before := encoded(base)
	counted := map[string]bool{}
	for _, f := range fields {
		counted[f.name] = f.write != nil
	}
	for f := range reflect.TypeFor[checks.Package]().Fields() {
		n := 0
		change(reflect.ValueOf(base).FieldByIndex(f.Index), func(to reflect.Value) {
			n++
			p := full()
			reflect.ValueOf(&p).Elem().FieldByIndex(f.Index).Set(to)
			announced := p.BuildInfo.GitTag != base.BuildInfo.GitTag || p.BuildInfo.GitHubRelease != base.BuildInfo.GitHubRelease
			want := counted[f.Name] && !announced
			if differs := encoded(p) != before; differs != want {
				t.Errorf("%s as %+v instead of %+v: other key %v, want %v", f.Name, to, reflect.ValueOf(base).FieldByIndex(f.Index), differs, want)
			}
		})
		if n == 0 {
			t.Errorf("%s was not changed", f.Name)
		}
	}
}

// Entries that mean the same have one key, and an order that is carried out
// counts.
func TestSameEntry(t *testing.T) {
	a, b := full(), full()
	b.Secrets = []string{"2", "1", "2"}
	b.Artifacts, b.BuildInfo.ExtraVersions = []string{"2", "1"}, []string{"2", "1"}
	service := b.Services["1"]
	service.Ports = []int{2, 1, 1}
	b.Services["1"] = service
	if !checks.SameEntry(a, b) || encoded(a) != encoded(b) {
		t.Error("entries that mean the same are encoded differently")
	}
	none, empty := checks.Package{}, checks.Package{Env: map[string]string{}, Commands: []string{}, Services: map[string]checks.Service{}}
	if encoded(none) != encoded(empty) {
		t.Error("nil and empty are encoded differently")
	}
	slices.Reverse(b.Commands)
	if encoded(a) == encoded(b) {
		t.Error("the order of commands does not count")
	}
}

func encoded(p checks.Package) string {
	var e encoder
	writeEntry(&e, &p)
	return string(e)
}

// full has every field set.
func full() (p checks.Package) {
	fill(reflect.ValueOf(&p).Elem())
	return p
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("1")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		second := reflect.New(v.Type().Elem()).Elem()
		fill(second)
		change(second, func(to reflect.Value) { v.Index(1).Set(to) })
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	default:
		panic(fmt.Sprint("no value for ", v.Type()))
	}
}

// change calls do with a value for each way in which v can be another.
func change(v reflect.Value, do func(reflect.Value)) {
	to := reflect.New(v.Type()).Elem()
	to.Set(v)
	switch v.Kind() {
	case reflect.String:
		to.SetString(v.String() + "1")
		if v.String() == "1" {
			to.SetString("2")
		}
		do(to)
	case reflect.Bool:
		to.SetBool(!v.Bool())
		do(to)
	case reflect.Int, reflect.Int64:
		to.SetInt(v.Int() + 1)
		do(to)
	case reflect.Float64:
		to.SetFloat(v.Float() + 1)
		do(to)
	case reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i), func(field reflect.Value) {
				one := reflect.New(v.Type()).Elem()
				one.Set(v)
				one.Field(i).Set(field)
				do(one)
			})
		}
	case reflect.Slice:
		do(v.Slice(0, 1))
		change(v.Index(0), func(elem reflect.Value) {
			list := reflect.MakeSlice(v.Type(), 1, 1)
			list.Index(0).Set(elem)
			do(list)
		})
		do(reflect.Zero(v.Type()))
	case reflect.Map:
		for _, key := range v.MapKeys() {
			change(v.MapIndex(key), func(value reflect.Value) {
				one := reflect.MakeMap(v.Type())
				one.SetMapIndex(key, value)
				do(one)
			})
			change(key, func(other reflect.Value) {
				one := reflect.MakeMap(v.Type())
				one.SetMapIndex(other, v.MapIndex(key))
				do(one)
			})
		}
		do(reflect.Zero(v.Type()))
	}
}
