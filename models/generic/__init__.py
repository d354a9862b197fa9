"""Models of no service in particular, whose results theory knows: a queue, a cache aside, copies."""
