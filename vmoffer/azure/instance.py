"""The VM on Azure that we run on, as its metadata service describes it."""

from __future__ import annotations

from generator.errors import Surroundings

# https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service: never through a proxy.
SERVICE = "http://169.254.169.254"
SUBSCRIPTION = "/metadata/instance/compute/subscriptionId?api-version=2021-02-01&format=text"
PATIENCE = 5  # seconds


def subscription() -> str:
    """The id of the subscription that this VM is in.

    Raises Surroundings where nothing answers, as on a machine that is no VM of Azure.
    """
    import requests

    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(SERVICE + SUBSCRIPTION, headers={"Metadata": "true"}, timeout=PATIENCE)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise Surroundings(
            f"the machine's metadata service does not name its subscription ({type(error).__name__})",
            where=SERVICE,
            hint="set ARM_SUBSCRIPTION_ID",
        ) from None
    return answer.text.strip()
