"""The street door: sockets, TLS, pages, processes."""
