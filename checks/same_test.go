package checks_test

import (
	"reflect"
	"testing"

	"github.com/dudesons/loktar/checks"
)

// eachField calls do with the path of every field under v, after setting it
// to something that is not its zero value, and sets it back.
func eachField(v reflect.Value, path string, do func(path string)) {
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			eachField(v.Field(i), path+"."+v.Type().Field(i).Name, do)
		}
		return
	}
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	defer v.Set(was)
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if elem := v.Index(0); elem.Kind() == reflect.Struct {
			eachField(elem, path+"[0]", do)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Kind() == reflect.Struct {
			base := reflect.New(v.Type()).Elem()
			base.Set(v)
			eachField(elem, path+"[k]", func(p string) {
				base.SetMapIndex(reflect.ValueOf("k"), elem)
				do(p)
			})
		}
		v.SetMapIndex(reflect.ValueOf("k"), elem)
	default:
		panic("eachField: no value for " + path)
	}
	do(path)
}

func TestSameEntrySeesEveryField(t *testing.T) {
	full := func() checks.Package {
		return checks.Package{
			Services: map[string]checks.Service{"k": {}},
			Cache:    []checks.Cache{{}},
		}
	}
	seen := 0
	p := full()
	eachField(reflect.ValueOf(&p).Elem(), "Package", func(path string) {
		seen++
		if !checks.SameEntry(p, p) {
			t.Errorf("%s: an entry is not the same as itself", path)
		}
		for _, other := range []checks.Package{full(), {}} {
			if reflect.DeepEqual(p, other) {
				continue
			}
			if checks.SameEntry(p, other) || checks.SameEntry(other, p) {
				t.Errorf("%s is not compared", path)
			}
		}
	})
	if seen < 40 {
		t.Errorf("only %d fields were tried", seen)
	}
}

func TestSameEntryMeaning(t *testing.T) {
	for name, c := range map[string]struct {
		a, b checks.Package
		want bool
	}{
		"nil and empty":            {checks.Package{}, checks.Package{Inputs: []string{}, Env: map[string]string{}}, true},
		"order of dependencies":    {checks.Package{DependsOn: []string{"a", "b"}}, checks.Package{DependsOn: []string{"b", "a"}}, true},
		"order of commands counts": {checks.Package{Commands: []string{"a", "b"}}, checks.Package{Commands: []string{"b", "a"}}, false},
		"order of inputs":          {checks.Package{Inputs: []string{"a", "!b"}}, checks.Package{Inputs: []string{"!b", "a"}}, true},
		"order of caches":          {checks.Package{Cache: []checks.Cache{{Key: "a"}, {Key: "b"}}}, checks.Package{Cache: []checks.Cache{{Key: "b"}, {Key: "a"}}}, true},
		"repetition":               {checks.Package{Secrets: []string{"A", "A"}}, checks.Package{Secrets: []string{"A"}}, true},
		"other dependencies":       {checks.Package{DependsOn: []string{"a", "a"}}, checks.Package{DependsOn: []string{"b", "a"}}, false},
	} {
		if got := checks.SameEntry(c.a, c.b); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
