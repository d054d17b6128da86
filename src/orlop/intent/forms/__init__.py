"""Values of docker run's flags in Docker's forms, each as a reader: text in, a value out.

A reader raises `InvalidArgument` with a text that continues the value ("is not ...", "has ...").

See: docker-run(1), docker/cli cli/command/container/opts.go and opts/.
"""
