"""Azure Resource Manager: a few calls in one subscription, through azure-core's pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings
from vmoffer.azure import cloud as clouds
from vmoffer.azure import instance, sign_in

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

RETRIES = 3
TIMEOUTS = {"connection_timeout": 10, "read_timeout": 30}  # seconds
POLL_SECONDS = 10  # between two looks at a long operation, where Azure does not say


class Arm:
    """One subscription of one cloud, as someone who signed in."""

    def __init__(self, env: Mapping[str, str], way: sign_in.SignIn) -> None:
        """Raises Unusable without the extra `azure`, Surroundings where a custom cloud does not answer."""
        self.cloud = clouds.chosen(env)
        self.way = way
        self.credential = sign_in.credential(way, env, self.cloud)
        self.subscription = way.subscription or instance.subscription()
        self._client = self._connect()

    def _connect(self) -> Any:
        from azure.core.pipeline import policies
        from azure.mgmt.core import ARMPipelineClient
        from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

        chain = [
            policies.RequestIdPolicy(),
            policies.HeadersPolicy(),
            policies.UserAgentPolicy(sdk_moniker="vmoffer"),
            policies.RetryPolicy(retry_total=RETRIES),
            ARMChallengeAuthenticationPolicy(self.credential, f"{self.cloud.audience}/.default"),
        ]
        return ARMPipelineClient(base_url=self.cloud.manager, policies=chain)

    def require_token(self) -> None:
        """Sign in now. Raises Surroundings with what the service says."""
        self._call(lambda: self.credential.get_token(f"{self.cloud.audience}/.default"), self.cloud.authority)

    def get(self, path: str, version: str, subscription: str | None = None) -> dict[str, Any] | None:
        """The resource at `path` below the subscription (default: the build's), or None."""
        answer = self._send("GET", path, version, subscription).http_response
        return None if answer.status_code == 404 else dict(answer.json())

    def delete(self, path: str, version: str, subscription: str | None = None, *, wait: bool = True) -> None:
        """Delete what is at `path`, and `wait` until it is gone."""
        from azure.core.polling import LROPoller
        from azure.mgmt.core.polling.arm_polling import ARMPolling

        began = self._send("DELETE", path, version, subscription)
        if began.http_response.status_code == 404 or not wait:
            return
        polling = ARMPolling(POLL_SECONDS)
        self._call(lambda: LROPoller(self._client, began, lambda _: None, polling).wait(), path)

    def _send(self, method: str, path: str, version: str, subscription: str | None) -> Any:
        from azure.core.rest import HttpRequest

        place = f"/subscriptions/{subscription or self.subscription}/{path}"
        request = HttpRequest(method, f"{self.cloud.manager}{place}", params={"api-version": version})
        sent = self._call(
            lambda: self._client.send_request(request, _return_pipeline_response=True, **TIMEOUTS), place
        )
        _require_ok(sent.http_response, place)
        return sent

    def _call(self, what: Any, where: str) -> Any:
        """Do it; what the SDK raises becomes one line without a secret."""
        from azure.core import exceptions as azure

        try:
            return what()
        except azure.ClientAuthenticationError as error:
            said = str(error.message).splitlines()[0][:300]
            raise Surroundings(f"Azure does not let {self.way.title} in: {said}", where=where) from None
        except azure.HttpResponseError as error:
            raise Surroundings(f"Azure answered {error.status_code} {error.reason}", where=where) from None
        except azure.AzureError as error:
            raise Surroundings(
                f"Azure Resource Manager cannot be reached: {str(error).splitlines()[0][:200]}",
                where=where,
                hint="check name resolution, proxy (HTTPS_PROXY) and REQUESTS_CA_BUNDLE, then run it again",
            ) from error


def _require_ok(answer: HttpResponse, path: str) -> None:
    """Raises Surroundings for an answer that is neither yes nor 'there is none'."""
    if answer.status_code < 300 or answer.status_code == 404:
        return
    try:
        error = answer.json()["error"]
        code, message = str(error["code"]), str(error["message"]).splitlines()[0][:300]
    except (ValueError, LookupError, TypeError):
        code, message = answer.reason or "no reason given", ""
    hint = "run it again"
    if answer.status_code == 403:
        hint = "the role that is missing is on the page docs/how-to/rights.md; a new one takes some minutes"
    raise Surroundings(f"Azure answered {answer.status_code} {code}: {message}", where=path, hint=hint)
