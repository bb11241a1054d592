"""Credentials in the environment: which keys of a Secret the worker adopts, and which programs see none of them.

A RenderJob names a Secret, whose author may not be trusted with the worker's pod. The keys of the Secret therefore
arrive under a prefix. The worker adopts only a complete set of credentials with the variables that belong to it. An
endpoint without credentials is not adopted, because the worker would show the pod's own identity to that endpoint.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from helios_crds.words import SECRET_PREFIX
from helios_worker.errors import UserError

CREDENTIAL_NAMES = re.compile(r"^(AWS|GOOGLE|GCE|AZURE|IDENTITY|MSI|HELIOS_SECRET)_")


@dataclass(frozen=True)
class Family:
    """The variables of one kind of store.

    sets: combinations that are complete credentials. beside: variables that may accompany a set.
    instead: variables of other credentials, which a set replaces.
    """

    sets: tuple[frozenset[str], ...]
    beside: frozenset[str]
    instead: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All variables that a Secret may set."""
        return self.beside.union(*self.sets)


def _prefixed(prefix: str, names: str) -> frozenset[str]:
    return frozenset(f"{prefix}_{name}" for name in names.split())


AWS = Family(
    sets=(_prefixed("AWS", "ACCESS_KEY_ID SECRET_ACCESS_KEY"),),
    beside=_prefixed(
        "AWS",
        "SESSION_TOKEN REGION ENDPOINT_URL ENDPOINT_URL_S3 ALLOW_HTTP VIRTUAL_HOSTED_STYLE_REQUEST CHECKSUM_ALGORITHM "
        "SERVER_SIDE_ENCRYPTION SSE_KMS_KEY_ID REQUEST_PAYER DISABLE_BULK_DELETE",
    ),
    instead=_prefixed(
        "AWS",
        "TOKEN SESSION_TOKEN WEB_IDENTITY_TOKEN_FILE ROLE_ARN CONTAINER_CREDENTIALS_RELATIVE_URI "
        "CONTAINER_CREDENTIALS_FULL_URI SKIP_SIGNATURE",
    ),
)
GOOGLE = Family(
    sets=(_prefixed("GOOGLE", "SERVICE_ACCOUNT_KEY"),),
    beside=frozenset(),
    instead=_prefixed(
        "GOOGLE", "SERVICE_ACCOUNT SERVICE_ACCOUNT_PATH APPLICATION_CREDENTIALS BEARER_TOKEN SKIP_SIGNATURE"
    ),
)
AZURE = Family(
    sets=(
        _prefixed("AZURE", "STORAGE_ACCOUNT_NAME STORAGE_ACCOUNT_KEY"),
        _prefixed("AZURE", "STORAGE_ACCOUNT_NAME STORAGE_SAS_TOKEN"),
        _prefixed("AZURE", "STORAGE_ACCOUNT_NAME CLIENT_ID CLIENT_SECRET TENANT_ID"),
    ),
    beside=_prefixed("AZURE", "STORAGE_ENDPOINT ALLOW_HTTP"),
    instead=_prefixed(
        "AZURE",
        "STORAGE_ACCOUNT_KEY STORAGE_SAS_TOKEN CLIENT_ID CLIENT_SECRET TENANT_ID STORAGE_TOKEN FEDERATED_TOKEN_FILE "
        "USE_AZURE_CLI SKIP_SIGNATURE",
    ),
)
FAMILIES = (AWS, GOOGLE, AZURE)


def adopt_secret(environment: MutableMapping[str, str]) -> None:
    """Replaces other credentials by those of the Secret, and removes everything else that came with the Secret.

    environment: of this process. A second call changes nothing.

    Raises:
        UserError: the Secret holds no complete credentials. The message names its keys, never their values.
    """
    given = {name.removeprefix(SECRET_PREFIX): name for name in environment if name.startswith(SECRET_PREFIX)}
    secret = {key: environment.pop(name) for key, name in given.items()}
    if not secret:
        return
    complete = [family for family in FAMILIES if any(each <= secret.keys() for each in family.sets)]
    if not complete:
        raise UserError(
            f"the Secret of artifacts.credentialsRef holds no credentials of a store: its keys are {_listed(secret)}",
            remedy=f"give it {' or '.join(_listed(each, ' and ') for family in FAMILIES for each in family.sets)}",
        )
    for family in complete:
        for name in family.instead:
            environment.pop(name, None)
        environment.update({name: secret[name] for name in family.names & secret.keys()})


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs that need no store, such as a browser that runs a stranger's page."""
    return {name: value for name, value in environment.items() if not CREDENTIAL_NAMES.match(name)}


def _listed(names: Iterable[str], between: str = ", ") -> str:
    return between.join(sorted(names))
