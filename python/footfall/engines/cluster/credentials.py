"""Credentials of a cluster: a key with its certificate, and a secret, in a folder that is its owner's alone.

Whoever has the key or the secret can run code on the cluster; whoever has not is refused by all its processes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from footfall.errors import DefinitionError

#: The environment's name for the folder with the credentials; several folders have colons between them.
VARIABLE = "FOOTFALL_CLUSTER_CREDENTIALS"
#: Files of the folder: Dask's, both in PEM, and Spark's.
KEY, CERTIFICATE, PROPERTIES = "key.pem", "certificate.pem", "spark.conf"
_DAYS_VALID = 365
_SECRET_BYTES = 32


def folder_with(name: str) -> Path | None:
    """Return the folder that the environment names and that has this file; None if the environment names none.

    Raises
    ------
    DefinitionError
        If a folder that it names is not there.
    """
    folders = [Path(folder).expanduser() for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    for folder in folders:
        if not folder.is_dir():
            raise DefinitionError(f"{VARIABLE}: there is no folder {folder}; has the cluster been stopped?")
    return next((folder for folder in folders if (folder / name).is_file()), None)


def write(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def write_key(folder: Path) -> None:
    """Write a new private key and its certificate, which is its own authority."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key, certificate = _key_and_certificate()
    write(folder / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    write(folder / CERTIFICATE, certificate.public_bytes(Encoding.PEM))


def write_key_store(path: Path) -> str:
    """Write a new private key and its certificate as Java reads them, and return the password."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    key, certificate = _key_and_certificate()
    password = secret()
    encrypted = BestAvailableEncryption(password.encode())
    write(path, pkcs12.serialize_key_and_certificates(b"footfall", key, certificate, None, encrypted))
    return password


def secret() -> str:
    """Return a new secret."""
    return secrets.token_hex(_SECRET_BYTES)


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    """Write a properties file of Spark."""
    write(path, "".join(f"{name} {value}\n" for name, value in properties.items()).encode())


def read_properties(path: Path) -> dict[str, str]:
    """Return what a properties file of Spark says, one name and value a line."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.replace("=", " ", 1).split(None, 1) for line in lines if line and not line.startswith("#"))
    return {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}


def _key_and_certificate() -> tuple[Any, Any]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footfall cluster")])
    # Clocks of one machine may be set back, too.
    now = datetime.now(timezone.utc) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=_DAYS_VALID))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate
