"""Clients of boto3, and what AWS refuses in words of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from footfall import extras
from footfall.errors import DefinitionError

#: How services say that one may not.
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "403")
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
_UNKNOWN = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException")
_LOG_IN = "log in anew: aws sso login, aws configure, or whatever gives you credentials"


def client(service: str, **options: Any) -> Any:
    """Return boto3's client of a service, by the credentials, region and endpoint that it finds.

    Raises
    ------
    DefinitionError
        If boto3 is not installed, or nobody says which region.
    """
    extras.need("aws", "boto3", by=f"AWS {service}")
    import boto3

    with told(f"AWS {service}"):
        # A session of its own: the one that boto3 shares keeps credentials that the environment has no more.
        return boto3.Session(region_name=region()).client(service, **options)


def region() -> str | None:
    """Return the region that the environment says; boto3 alone of AWS's libraries does not look at AWS_REGION."""
    return os.environ.get("AWS_REGION") or None


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise what boto3 says inside as an error of ours, which names `what` was asked.

    Raises
    ------
    PermissionError
        If there are no credentials, or they do not do.
    FileNotFoundError
        If there is no such bucket.
    DefinitionError
        If nobody says which region, or there is no such profile.
    ConnectionError
        If nobody answered, so that nobody knows what became of the request.
    OSError
        If AWS refused for another reason.
    """
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(what, error) from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        looked = "looked for in environment, profiles, single sign-on and the role of the machine"
        raise PermissionError(f"{what}: no credentials, {looked}; {_LOG_IN}") from error
    except (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError) as error:
        raise PermissionError(f"{what}: {error}; {_LOG_IN}") from error
    except (exceptions.NoRegionError, exceptions.ProfileNotFound) as error:
        raise DefinitionError(f"{what}: {error} AWS_REGION, AWS_PROFILE and ~/.aws/config say it") from error
    except exceptions.BotoCoreError as error:
        raise ConnectionError(f"{what}: {error}; nobody knows what became of the request") from error


def code(error: OSError) -> str:
    """Return AWS's own word for why it refused; ``""`` if it gave no answer."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _refused(what: str, error: Any) -> OSError:
    told = error.response.get("Error", {})
    word, action = told.get("Code", ""), error.operation_name
    if word == "NoSuchBucket":
        return FileNotFoundError(f"{what}, {action}: there is no such bucket")
    if word in _EXPIRED:
        return PermissionError(f"{what}, {action}: the credentials have expired; {_LOG_IN}")
    if word in _UNKNOWN:
        return PermissionError(f"{what}, {action}: AWS does not know these credentials ({word}); {_LOG_IN}")
    if word in DENIED:
        lacks = "the policy of these credentials lacks this action, or its conditions are not met"
        return PermissionError(f"{what}, {action}: not permitted; {lacks}: footfall aws policy prints one")
    return OSError(f"{what}, {action}: {told.get('Message') or error} ({word})")
