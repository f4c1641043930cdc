"""TLS for a gateway that others than this machine reach, and certificates for trying it."""

from __future__ import annotations

import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput

CERTIFICATE_FILE, KEY_FILE = "serving-certificate.pem", "serving-key.pem"
_DAYS = 365


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with the certificate; raises `EnvironmentProblem` that says what is wrong with the files."""
    for path in (certificate, key):
        if not path.is_file():
            raise EnvironmentProblem(f"There is no file {path}.", hint="Give the paths of PEM files.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ssl.SSLError) as problem:
        raise EnvironmentProblem(
            f"{certificate} and {key} cannot be used for TLS: {problem}.",
            hint="They must be a certificate and its key in PEM form, the key without a password.",
        ) from problem
    return context


def make_self_signed(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a certificate for a host name or address, signed by itself, and its key; returns their paths.

    Clients have to be told to trust the certificate. Raises `EnvironmentProblem` where `cryptography` is not installed
    and `InvalidInput` where there is such a file already.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError:
        raise EnvironmentProblem(
            "Certificates cannot be made here, as the package cryptography is not installed.",
            hint="Install it, or make one with `openssl req -x509 -newkey rsa:3072 -nodes`.",
        ) from None
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    now = datetime.now(UTC)
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    key = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    _put(folder / KEY_FILE, key)
    _put(folder / CERTIFICATE_FILE, made.public_bytes(serialization.Encoding.PEM))
    return folder / CERTIFICATE_FILE, folder / KEY_FILE


def _put(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already.", hint="Remove it, or use it.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
