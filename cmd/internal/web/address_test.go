package web

// Address is where it answers.
func (s *Server) Address() string { return s.listener.Addr().String() }
