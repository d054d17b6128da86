"""Registries: the distribution protocol, its authentication, and where registries are.

See: distribution-spec spec.md; distribution docs/spec/auth/token.md for the tokens.
"""
