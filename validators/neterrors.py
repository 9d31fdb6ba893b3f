"""Which failures of a connection another try cannot change."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator

# The name is known not to exist, or to have no address; EAI_AGAIN (the resolver did not answer) may pass.
NO_NAME = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

# What requests, urllib3 and http.client call an address that there cannot be.
NO_ADDRESS = ("InvalidURL", "LocationParseError")
# What http.client says when a proxy answers CONNECT; 407 asks for credentials, and gets none by waiting.
REFUSED = re.compile(r"Tunnel connection failed: (4(?!08|29)\d\d)")


def permanent(error: BaseException) -> str | None:
    """Why trying again is useless, in a few words; None if it may help.

    Permanent are a certificate that is not accepted, a host name that does not exist or cannot, and a proxy
    that refuses. `error` is what a
    library raised, however many layers it wrapped around the cause.
    """
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {each.verify_message or 'verification failed'}"
        if isinstance(each, socket.gaierror) and each.errno in NO_NAME:
            return "there is no host of that name"
        if type(each).__name__ in NO_ADDRESS:
            return "no host can have that name"
        if isinstance(each, OSError) and (refused := REFUSED.search(str(each))):
            return f"the proxy refuses the connection ({refused[1]})"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything that it was made of; each once."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        each = todo.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [each.__cause__, each.__context__, *each.args]
        todo += [getattr(each, name, None) for name in ("reason", "inner_exception")]
