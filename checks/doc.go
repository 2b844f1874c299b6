// Package checks is Loktar's domain: the events GitHub sends, the packages of
// a monorepo, the plan made for a change, the jobs that carry it out and the
// check runs that tell of it. It imports the standard library alone; every
// other package speaks in its terms.
//
// The values are plain data. None of them is safe to change from two
// goroutines at once; all of them may be read from many.
package checks
