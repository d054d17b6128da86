"""`orlop daemon`: an engine in the foreground, and the sockets by which it is asked."""
