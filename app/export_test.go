package app

import "github.com/dudesons/loktar/store"

// StoreOf is the store of a running server.
func StoreOf(s *Server) *store.Store { return s.store }
