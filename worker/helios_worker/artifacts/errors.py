"""From an error of the store's library to one of ours: what happened, where, and what to do about it.

The library's texts quote the server's response, which quotes key IDs and what was signed. Our errors therefore pass on
the status, the code and the one sentence of a response, and never the library's text as it is.

::

    StoreError (HeliosError)    exit 1   out of reach, overloaded, cut off: another attempt may succeed
    ├── AccessDenied                     the identity is known and may not do this
    └── BadCredentials                   there are none, they are wrong, or they have expired
    NoSuchBucket (UserError)    exit 64  there is no such bucket
    BadEndpoint (UserError)     exit 64  the bucket is asked for in the wrong way: region, scheme, certificate
"""

import html
import os
import re
from dataclasses import dataclass

from helios_crds.text import one_line
from helios_worker.errors import HeliosError, ResourceError, UserError

DOCUMENT = "docs/stores.md"
MAX_SENTENCE = 300
MAX_LINE = 2000


class StoreError(HeliosError):
    """The store cannot be reached or refuses; another attempt may succeed."""


class AccessDenied(StoreError):
    """The store knows the identity and refuses it. On most clouds rights take effect late, so it is retried."""


class BadCredentials(StoreError):
    """There are no credentials, or the store refuses them. Another attempt may have newer ones, so it is retried."""


class NoSuchBucket(UserError):
    """The bucket does not exist."""


class BadEndpoint(UserError):
    """The store exists but refuses requests of this form: another region, another scheme, an untrusted certificate."""


EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
WRONG_CREDENTIALS = {
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "InvalidClientTokenId",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "XAdminUserNotFound",
}
MISSING_BUCKETS = {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName", "AccountNotFound"}
OTHER_REGIONS = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
MISSING_OBJECTS = {"", "NoSuchKey", "NoSuchObject", "BlobNotFound", "NotFound", "NoSuchVersion"}
# Refusals that pass, besides those that the library repeats itself (no response, 429, and from 500 on).
PASSING = {
    "RequestTimeout",
    "XAmzContentSHA256Mismatch",
    "BadDigest",
    "Md5Mismatch",
    "IncompleteBody",
    "NoSuchUpload",
    "OperationAborted",
    "ConditionalRequestConflict",
}
PASSING_STATUS = {408, 409, 425}

# Services that give credentials, as opposed to the store itself.
_CREDENTIAL_SERVICE = re.compile(
    r"^https?://(169\.254\.|metadata\.google|oauth2\.googleapis|sts\.|login\.microsoftonline)"
    r"|/latest/api/token$|/computeMetadata/v1/|/oauth2/v2\.0/token|[?&]Action=AssumeRole"
)
_CREDENTIAL_WORDS = re.compile(
    r"Missing ?\w*(Key|Secret|Token)|[Ss]ervice ?account|credential|[Tt]oken file|[Ff]ederated token|AssumeRole"
)
_CAUSES = (
    (r"BadScheme", ""),
    (r"UnknownIssuer|InvalidCertificate|CertificateError|certificate", "its certificate is not trusted"),
    (r"ConnectionRefused", "nothing listens there (connection refused)"),
    (r"dns error|failed to lookup|Name or service not known|ResolveError", "its host name is not known"),
    (r"TimedOut|kind: Timeout", "no answer in time"),
    (
        r"ConnectionReset|ConnectionAborted|BrokenPipe|IncompleteMessage|IncompleteBody|UnexpectedEof|ChannelClosed",
        "the connection was cut",
    ),
)


@dataclass(frozen=True)
class StoreResponse:
    """A server's response: its status (0 for none), a code and a sentence.

    tries: how often the request was sent. is_lost: the response was lost, so the request may have succeeded.
    """

    status: int
    code: str
    sentence: str
    tries: int
    is_lost: bool

    @classmethod
    def of(cls, error: BaseException) -> "StoreResponse":
        """The response that an error of obstore quotes."""
        text = str(error)
        status = re.search(r"status code: (\d{3})|\bstatus: (\d{3})", text)
        code = re.search(r"<Code>\s*(\w+)\s*</Code>", text)
        sentence = re.search(r"<Message>(.*?)</Message>", text, re.DOTALL)
        tries = re.search(r", after (\d+) retries", text)
        return cls(
            status=int(status[1] or status[2]) if status else 0,
            code=code[1] if code else "",
            sentence=_clean(sentence[1]) if sentence else "",
            tries=1 + int(tries[1]) if tries else 1,
            is_lost=bool(re.search(r"HttpError \{\s*kind: (Timeout|Interrupted|Unknown)", text)),
        )

    @property
    def is_missing_object(self) -> bool:
        """Whether a 404 is about the object, and not about its bucket or the credentials."""
        return self.code in MISSING_OBJECTS

    @property
    def is_passing(self) -> bool:
        """Whether another try may succeed, and the library has not made one."""
        return self.code in PASSING or self.status in PASSING_STATUS

    def __str__(self) -> str:
        named = " ".join(str(part) for part in (self.status or "", self.code) if part)
        return f"{named}: {self.sentence}" if named and self.sentence else named or self.sentence


def explain(doing: str, error: BaseException) -> HeliosError:
    """Turns an error of obstore or of the operating system into one of ours.

    doing: what was tried and where, such as "writing s3://media/key".
    """
    if isinstance(error, HeliosError):
        return error
    text, response = str(error), StoreResponse.of(error)
    if re.search(r"os error (28|122)\b|No space left|Disk quota", text):
        return ResourceError(f"{doing}: the disk is full", remedy="free some space and run the same command again")
    if response.code in MISSING_BUCKETS:
        return NoSuchBucket(
            f"{doing}: there is no such bucket ({response})", remedy="create it, or correct its address"
        )
    if response.code in OTHER_REGIONS or "Received redirect without LOCATION" in text:
        return BadEndpoint(
            f"{doing}: the bucket is in another region or at another address ({str(response) or 301})",
            remedy="set AWS_REGION to the bucket's, and AWS_ENDPOINT_URL if it is not Amazon's",
        )
    if "BadScheme" in text:
        return BadEndpoint(
            f"{doing}: the store's address begins with http://, which would send everything in the clear",
            remedy="use https://, or allow it with AWS_ALLOW_HTTP=true (GOOGLE_ALLOW_HTTP, AZURE_ALLOW_HTTP)",
        )
    about_credentials = _about_credentials(doing, error, response)
    if about_credentials is not None:
        return about_credentials
    if response.status == 403:
        return AccessDenied(
            f"{doing}: access denied ({response})",
            remedy=f"give the identity that asks the rights that {DOCUMENT} lists",
        )
    return _out_of_order(doing, error, response)


def _about_credentials(doing: str, error: BaseException, response: StoreResponse) -> HeliosError | None:
    if response.code in EXPIRED:
        return BadCredentials(
            f"{doing}: the credentials have expired ({response})",
            remedy="renew them and run the same again: what is stored already is kept",
        )
    if response.code == "RequestTimeTooSkewed":
        return BadCredentials(f"{doing}: this machine's clock is wrong ({response})", remedy="set the clock")
    if is_about_credentials(error):
        said = re.sub(r"^Generic \w+ error: ", "", redacted(first_line(error)))
        why = _cause(str(error)) or str(response) or said
        return BadCredentials(
            f"{doing}: no credentials found ({why})",
            remedy=f"set them in the environment or give the workload an identity: {DOCUMENT} says how",
        )
    if response.code in WRONG_CREDENTIALS or response.status == 401:
        return BadCredentials(
            f"{doing}: the credentials are not accepted ({response})",
            remedy=f"check them: {DOCUMENT} lists the variables",
        )
    return None


def _out_of_order(doing: str, error: BaseException, response: StoreResponse) -> HeliosError:
    cause = _cause(str(error))
    tried = f", {response.tries} times" if response.tries > 1 else ""
    if response.status >= 500 or response.status == 429:
        return StoreError(
            f"{doing}: the store is down or overloaded ({response}){tried}", remedy="run the same again later"
        )
    if cause:
        return StoreError(f"{doing}: {cause}{tried}", remedy="check that the store is there and can be reached")
    what = str(response) or redacted(first_line(error))
    return StoreError(f"{doing}: {what}{tried}", remedy="check that the store is there and may be written to")


def _cause(text: str) -> str:
    return next((words for pattern, words in _CAUSES if re.search(pattern, text)), "")


def is_about_credentials(error: BaseException) -> bool:
    """Whether the failed request went to the service that gives credentials, not to the store."""
    text = first_line(error)
    request = re.search(r"Error performing \w+ (\S+) in ", text)
    if request and request[1] == "REDACTED":  # a token is in the address; Azure's stores are asked so, too
        return "Azure error" not in text and "for path" not in text
    return bool(_CREDENTIAL_SERVICE.search(request[1]) if request else _CREDENTIAL_WORDS.search(text))


def first_line(error: BaseException) -> str:
    """The first line of an error: without the library's debug lines and the server's XML."""
    return one_line(re.split(r"\n\nDebug source|:? *<", str(error), maxsplit=1)[0], MAX_LINE, keep_start=True)


def redacted(text: str) -> str:
    """A text without the signatures of URLs, and without the values of secrets in the environment."""
    text = re.sub(r"(https?://[^\s?]+)\?\S+", r"\1?…", text)
    text = re.sub(r"(https?://)[^\s/@]+@", r"\1…@", text)
    text = re.sub(r"(?i)\b(bearer\s+|sig=|signature=)\S+", r"\1…", text)
    for name, value in os.environ.items():
        if len(value) >= 8 and re.search(r"(SECRET|TOKEN|PASSWORD|SAS|_KEY)(?!.*(FILE|PATH|URI)$)", name):
            text = text.replace(value, "…")
    return text


def _clean(sentence: str) -> str:
    said = re.split(r"\s*RequestId:", sentence, maxsplit=1)[0]
    plain = one_line(html.unescape(re.sub(r"<[^>]*>", " ", said)), MAX_SENTENCE, keep_start=True)
    return redacted(plain.rstrip("."))
