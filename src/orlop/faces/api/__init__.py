"""The Docker Engine API over HTTP: one module a resource, and what they share.

A request's way: `connection` (bytes) -> `application` (version, route, errors) -> `queries` and
`bodies` (typed values) -> the resource's handler -> the engine -> an answer (`answers`).
"""
