package keys

// reach gives each node the digest of its own and of all that it reaches over
// next. Nodes that reach each other are a component: its digest is that of
// its members' own digests and of those that arrows out of it lead to, and a
// member's digest that of its own and the component's. So what one of them
// is counts for all. Neither the order nor the number of arrows counts.
//
// It is Tarjan's algorithm without recursion: a repository's author chooses
// how deep dependencies go.
func reach(own []digest, next func(i int32) []int32) []digest {
	out := make([]digest, len(own))
	seen, low := make([]int32, len(own)), make([]int32, len(own))
	member := make([]int32, len(own)) // the component, from 1; 0 for none yet
	var stack []int32
	type frame struct {
		node int32
		todo []int32
	}
	var frames []frame
	var clock, count int32
	enter := func(i int32) {
		clock++
		seen[i], low[i] = clock, clock
		stack = append(stack, i)
		frames = append(frames, frame{i, next(i)})
	}
	for start := range own {
		if seen[start] != 0 {
			continue
		}
		enter(int32(start))
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			i := f.node
			if len(f.todo) > 0 {
				to := f.todo[0]
				f.todo = f.todo[1:]
				switch {
				case seen[to] == 0:
					enter(to)
				case member[to] == 0:
					low[i] = min(low[i], seen[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := frames[len(frames)-1].node
				low[up] = min(low[up], low[i])
			}
			if low[i] < seen[i] {
				continue
			}
			count++
			at := len(stack) - 1
			for stack[at] != i {
				at--
			}
			members := stack[at:]
			for _, m := range members {
				member[m] = count
			}
			closeComponent(out, own, members, member, next)
			stack = stack[:at]
		}
	}
	return out
}

// closeComponent fills in the digests of a component's members. What it leads
// to has its digests already.
func closeComponent(out, own []digest, members, member []int32, next func(i int32) []int32) {
	var leads []digest
	for _, m := range members {
		for _, to := range next(m) {
			if member[to] != member[m] {
				leads = append(leads, out[to])
			}
		}
	}
	if len(members) == 1 {
		e := newEncoder("node")
		e.digest(own[members[0]])
		e.digests(leads)
		out[members[0]] = e.sum()
		return
	}
	all := make([]digest, len(members))
	for k, m := range members {
		all[k] = own[m]
	}
	e := newEncoder("component")
	all = sortedDigests(all)
	e.num(len(all))
	for _, d := range all {
		e.digest(d)
	}
	e.digests(leads)
	together := e.sum()
	for _, m := range members {
		e := newEncoder("member")
		e.digest(own[m])
		e.digest(together)
		out[m] = e.sum()
	}
}
