"""Which registries there are, how to reach them, and how far to trust them.

As with Docker: Docker Hub has a host of its own name; mirrors stand in for it alone; registries on
the loopback, and those that the settings name, may do without TLS or without a certificate that is
known. Certificates for a registry are in a directory of its name, as in /etc/docker/certs.d:

    DIRECTORY/HOST[:PORT]/*.crt                authorities that it is checked with
    DIRECTORY/HOST[:PORT]/NAME.cert, NAME.key  what we show to it

See: docs.docker.com, "Verify repository client with certificates" and "insecure registries".
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from urllib.parse import urlsplit

from orlop.errors import InvalidArgument
from orlop.image.reference import DOCKER_HUB
from orlop.records import Record

HUB_HOST = "registry-1.docker.io"
HUB_SERVER = "https://index.docker.io/v1/"
"""Docker Hub's name in lists of credentials."""


class Endpoint(Record):
    """One place to ask.

    Attributes:
        host: HOST[:PORT].
        prefix: path before /v2/, "" or as "/proxy".
        schemes: to try, the first that answers is it: ("https",) or ("https", "http").
        is_verified: its certificate has to be one that is known.
        is_mirror: it stands in for another, so credentials of that are not shown to it.
    """

    host: str
    prefix: str = ""
    schemes: tuple[str, ...] = ("https",)
    is_verified: bool = True
    is_mirror: bool = False


class RegistryPolicy(Record):
    """How registries are reached.

    Attributes:
        mirrors: URLs to ask before Docker Hub.
        insecure: HOST[:PORT] or networks (10.0.0.0/8) that may do without TLS.
        certificates: absolute host directories of certificates, by registry.
    """

    mirrors: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ("/etc/orlop/certs.d", "/etc/docker/certs.d")

    def endpoints(self, domain: str) -> tuple[Endpoint, ...]:
        """Where to look for images of a registry, in order; the registry itself is the last."""
        if domain != DOCKER_HUB:
            return (self._endpoint(domain),)
        return (*(self._mirror(url) for url in self.mirrors), Endpoint(HUB_HOST))

    def registry(self, domain: str) -> Endpoint:
        """The registry itself."""
        return self.endpoints(domain)[-1]

    def is_insecure(self, host: str) -> bool:
        """Whether a registry may do without TLS."""
        name = _host_name(host)
        if host in self.insecure or name in self.insecure or name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or any(address in network for network in self._networks())

    def tls(self, endpoint: Endpoint) -> ssl.SSLContext:
        """How to speak TLS with it.

        Raises:
            InvalidArgument: the files that are there for it cannot be used.
        """
        context = ssl.create_default_context()
        directories = [f"{above}/{endpoint.host}" for above in self.certificates]
        has_authority = False
        for directory in filter(os.path.isdir, directories):
            has_authority |= _load(context, directory)
        if not endpoint.is_verified and not has_authority:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _endpoint(self, host: str, scheme: str = "", prefix: str = "") -> Endpoint:
        insecure = self.is_insecure(host)
        schemes = ("https", "http") if insecure else ("https",)
        return Endpoint(host, prefix, (scheme,) if scheme else schemes, not insecure)

    def _mirror(self, url: str) -> Endpoint:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
            raise InvalidArgument(
                f"invalid registry mirror {url!r}", hint="it is as https://mirror.example[:PORT]"
            )
        found = self._endpoint(parts.netloc, parts.scheme, parts.path.rstrip("/"))
        return found.replace(is_mirror=True)

    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        found = []
        for text in self.insecure:
            if "/" in text:
                try:
                    found.append(ipaddress.ip_network(text, strict=False))
                except ValueError:
                    raise InvalidArgument(f"invalid insecure registry {text!r}") from None
        return found


def server_of(domain: str) -> str:
    """The name of a registry in lists of credentials."""
    return HUB_SERVER if domain in {DOCKER_HUB, "index.docker.io", HUB_HOST} else domain


def domain_of(server: str) -> str:
    """The registry that somebody means who logs in: a URL or HOST[:PORT], "" for Docker Hub."""
    text = server.removeprefix("https://").removeprefix("http://").split("/")[0]
    return DOCKER_HUB if text in {"", "index.docker.io", DOCKER_HUB, HUB_HOST} else text


def _host_name(host: str) -> str:
    """HOST[:PORT] without the port, an IPv6 address without the brackets."""
    if host.startswith("["):
        return host[1:].split("]", maxsplit=1)[0]
    return host.rsplit(":", 1)[0] if host.count(":") == 1 else host


def _load(context: ssl.SSLContext, directory: str) -> bool:
    """Takes a registry's files; whether there is an authority among them."""
    names = sorted(os.listdir(directory))
    try:
        for name in names:
            path = f"{directory}/{name}"
            if name.endswith(".crt"):
                context.load_verify_locations(cafile=path)
            elif name.endswith(".cert"):
                context.load_cert_chain(path, f"{path.removesuffix('.cert')}.key")
    except (OSError, ssl.SSLError) as error:
        raise InvalidArgument(f"cannot use the certificates in {directory}: {error}") from error
    return any(name.endswith(".crt") for name in names)
