"""Certificates for TLS servers on this machine."""

import subprocess


def make_certificate(folder, name, subject):
    """A self-signed certificate for a host or an address, and its key."""
    pem, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={subject}", "-keyout", key, "-out", pem),
        ],
        check=True,
        capture_output=True,
    )
    return pem, key
