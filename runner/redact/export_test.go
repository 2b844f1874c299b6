package redact

// Forms are what New looks for.
func Forms(values ...string) (all []string) {
	forms := make(map[string]bool)
	for _, v := range values {
		addForms(forms, v)
	}
	for f := range forms {
		all = append(all, f)
	}
	return all
}
